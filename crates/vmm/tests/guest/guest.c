/* The guest of the tests: 32-bit, no paging, no interrupts taken, one job named on the command line.
 * It is the other side of the specifications that the monitor implements, so it shares no code with it. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

__asm__(".text\n.globl _start\n_start: cli\n mov $stack_end, %esp\n push %ebx\n call guest\n"
        ".bss\n.balign 16\n.skip 16384\nstack_end:\n.text\n");

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 rd(u32 a) { return *(volatile u32 *)a; }
static inline void wr(u32 a, u32 v) { *(volatile u32 *)a = v; }
#define fence() __asm__ volatile("lock orl $0, (%%esp)" ::: "memory")

static void say(const char *text) { while (*text) outb(0x3f8, *text++); }
static void leave(u32 status) { outl(0xf4, status); for (;;) __asm__ volatile("hlt"); }
static void fail(const char *why) { say("FAIL: "); say(why); say("\n"); leave(99); }
static int same(const char *a, const char *b) { while (*b) if (*a++ != *b++) return 0; return 1; }
void *memset(void *p, int c, unsigned n) { u8 *b = p; while (n--) *b++ = c; return p; }
void *memcpy(void *d, const void *s, unsigned n) { u8 *a = d; const u8 *b = s; while (n--) *a++ = *b++; return d; }

/* virtio 1.2, sections 2.7 and 4.2 */
struct desc { u64 addr; u32 len; u16 flags, next; };
struct queue { struct desc desc[8]; struct { u16 flags, idx, ring[8], used_event; } avail;
               struct { u16 flags, idx; struct { u32 id, len; } ring[8]; u16 avail_event; } used; u16 seen; }
    __attribute__((aligned(64)));
static struct queue queues[2];
static u8 page[4096] __attribute__((aligned(4096)));
static u8 rx_page[4096] __attribute__((aligned(4096)));
static u32 features_low;

static void begin(u32 base, u32 wanted) {
    if (rd(base) != 0x74726976 || rd(base + 4) != 2) fail("magic or version");
    wr(base + 0x70, 0); wr(base + 0x70, 1); wr(base + 0x70, 3);
    wr(base + 0x14, 1); if (!(rd(base + 0x10) & 1)) fail("no VERSION_1");
    wr(base + 0x14, 0); features_low = rd(base + 0x10) & wanted;
    wr(base + 0x24, 0); wr(base + 0x20, features_low);
    wr(base + 0x24, 1); wr(base + 0x20, 1);
    wr(base + 0x70, 11); if (!(rd(base + 0x70) & 8)) fail("features refused");
}
static void add_queue(u32 base, u32 index) {
    struct queue *q = &queues[index];
    memset(q, 0, sizeof *q);
    wr(base + 0x30, index); if (rd(base + 0x34) < 8) fail("queue too small");
    wr(base + 0x38, 8);
    wr(base + 0x80, (u32)q->desc); wr(base + 0x84, 0);
    wr(base + 0x90, (u32)&q->avail); wr(base + 0x94, 0);
    wr(base + 0xa0, (u32)&q->used); wr(base + 0xa4, 0);
    wr(base + 0x44, 1); if (rd(base + 0x44) != 1) fail("queue not ready");
}
static void offer(u32 base, u32 index, u16 head) {
    struct queue *q = &queues[index];
    q->avail.ring[q->avail.idx % 8] = head; fence();
    q->avail.idx++; fence();
    wr(base + 0x50, index);
}
static u32 await(u32 index) {
    volatile u16 *idx = &queues[index].used.idx;
    while (*idx == queues[index].seen) __asm__ volatile("pause");
    return queues[index].used.ring[queues[index].seen++ % 8].len;
}
static void put(u32 q, u16 i, const void *at, u32 len, u16 flags) {
    queues[q].desc[i] = (struct desc){(u32)at, len, flags, i + 1};
}
enum { NEXT = 1, WRITE = 2 };

/* The I/O APIC (82093AA) and local APIC (Intel SDM volume 3, chapter 11): is the device's interrupt pending? */
static void route(u32 line) {
    wr(0xfee000f0, 0x1ff);
    wr(0xfec00000, 0x10 + 2 * line); wr(0xfec00010, 0x30 + line);
    wr(0xfec00000, 0x11 + 2 * line); wr(0xfec00010, 0);
}
static void expect_interrupt(u32 line) {
    u32 vector = 0x30 + line;
    for (u32 i = 0; i < 1000000; i++)
        if (rd(0xfee00200 + 0x10 * (vector / 32)) & (1u << vector % 32)) return;
    fail("no interrupt");
}

static u32 block_request(u32 base, u32 type, u64 sector, void *data, u32 len, u16 direction, u8 *status) {
    static struct { u32 type, reserved; u64 sector; } header;
    header.type = type; header.sector = sector;
    *status = 0x77;
    put(0, 0, &header, 16, NEXT);
    put(0, 1, data, len, NEXT | direction);
    put(0, 2, status, 1, WRITE);
    offer(base, 0, 0);
    return await(0);
}
static void block(u32 base, u32 line) {
    u8 status;
    begin(base, 1 << 9); add_queue(base, 0); route(line); wr(base + 0x70, 15);
    if (rd(base + 0x100) != 8) fail("capacity");
    if (block_request(base, 0, 0, page, 512, WRITE, &status) != 513 || status) fail("read");
    if (!same((char *)page, "first sector")) fail("content");
    expect_interrupt(line);
    memcpy(page, "written by the guest", 21);
    block_request(base, 1, 7, page, 512, 0, &status); if (status) fail("write");
    block_request(base, 1, 8, page, 512, 0, &status); if (status != 1) fail("write behind the end");
    block_request(base, 1, ~0ull, page, 512, 0, &status); if (status != 1) fail("write at the end of numbers");
    block_request(base, 77, 0, page, 512, WRITE, &status); if (status != 2) fail("unknown request");
    block_request(base, 8, 0, page, 20, WRITE, &status); if (status || !same((char *)page, "scratch")) fail("id");
    block_request(base, 4, 0, page, 0, WRITE, &status); if (status) fail("flush");
    say("block ok\n");
}
static void console(u32 base, u32 line) {
    begin(base, 0); add_queue(base, 0); add_queue(base, 1); route(line); wr(base + 0x70, 15);
    put(1, 0, "console ", 8, NEXT); put(1, 1, "ok\n", 3, 0);
    offer(base, 1, 0); await(1); expect_interrupt(line);
}
static void rng(u32 base, u32 line) {
    begin(base, 0); add_queue(base, 0); route(line); wr(base + 0x70, 15);
    memset(page, 0, 64); put(0, 0, page, 64, WRITE); offer(base, 0, 0);
    if (await(0) != 64) fail("rng length");
    u32 bits = 0; for (u32 i = 0; i < 64; i++) bits |= page[i];
    if (!bits) fail("rng gave zeros");
    say("rng ok\n");
}
/* Asks for the MAC address of 172.30.0.1 (RFC 826) and waits for the answer of the host's stack. */
static void net(u32 base, u32 line) {
    static const u8 mac[6] = {2, 0, 0, 0, 0, 2};
    begin(base, (1 << 5) | (1 << 15)); add_queue(base, 0); add_queue(base, 1); route(line);
    if (!(features_low & (1 << 5))) fail("no MAC");
    for (u32 i = 0; i < 6; i++) if (*(volatile u8 *)(base + 0x100 + i) != mac[i]) fail("MAC");
    put(0, 0, rx_page, 2048, WRITE); wr(base + 0x70, 15); offer(base, 0, 0);
    static u8 frame[12 + 42];
    u8 *e = frame + 12;
    memset(e, 0xff, 6); memcpy(e + 6, mac, 6);
    memcpy(e + 12, "\x08\x06\0\1\x08\0\6\4\0\1", 10);
    memcpy(e + 22, mac, 6); memcpy(e + 28, "\xac\x1e\0\2", 4); memset(e + 32, 0, 6); memcpy(e + 38, "\xac\x1e\0\1", 4);
    put(1, 0, frame, 12, NEXT); put(1, 1, e, 42, 0); offer(base, 1, 0); await(1);
    for (;;) {
        u32 len = await(0);
        u8 *r = rx_page + 12;
        if (len < 12 + 42) fail("short frame");
        if (rx_page[10] != 1 || rx_page[11] != 0) fail("num_buffers");
        if (r[12] == 8 && r[13] == 6 && r[21] == 2 && same((char *)r + 28, "\xac\x1e")) break;
        offer(base, 0, 0);
    }
    expect_interrupt(line);
    say("net ok\n");
}

static u32 hex(const char **p) {
    u32 value = 0;
    for (;; (*p)++) {
        char c = **p;
        if (c >= '0' && c <= '9') value = value * 16 + c - '0';
        else if (c >= 'a' && c <= 'f') value = value * 16 + c - 'a' + 10;
        else return value;
    }
}
static void devices(const char *p) {
    for (; *p; p++) {
        if (!same(p, "virtio_mmio.device=4K@0x")) continue;
        p += 24;
        u32 base = hex(&p), line = 0;
        for (p++; *p >= '0' && *p <= '9'; p++) line = line * 10 + *p - '0';
        switch (rd(base + 8)) {
        case 1: net(base, line); break;
        case 2: block(base, line); break;
        case 3: console(base, line); break;
        case 4: rng(base, line); break;
        default: fail("unknown device");
        }
        // The next device gets the same queues, and a packet may come at any time: this one must have let go of them.
        wr(base + 0x70, 0); if (rd(base + 0x70)) fail("no reset");
        if (!*p) break;
    }
    leave(0);
}
/* Scribbles over registers and rings of all devices; `seed` is the text after the word. */
static void scribble(const char *p) {
    u64 state = 88172645463325252ull;
    while (*p && *p != ' ') state = state * 31 + *p++;
    for (u32 i = 0; i < 300; i++) {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        u32 r = state, base = 0xd0000000 + (r & 3) * 0x1000;
        if (r & 0x10) memcpy(&queues[(r >> 5) & 1], (void *)(u32)(0x100000 + (r >> 12 & 0xfff)), 64);
        static const u8 registers[] = {0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0xa0};
        u32 value = (r >> 16 & 3) == 0 ? (u32)(state >> 32) : (r >> 16 & 3) == 1 ? (u32)&queues[r >> 20 & 1] : (r >> 20 & 15);
        wr(base + registers[(r >> 8 & 0xff) % sizeof registers], value);
    }
    leave(0);
}

void guest(u32 *info) {
    if (info[0] != 0x336ec578) fail("start info");
    const char *line = (const char *)info[6];
    if (same(line, "exit ")) leave(line[5] - '0');
    if (same(line, "console-status")) { say("uigniter: exit exited 5\n"); outb(0x64, 0xfe); }
    if (same(line, "reset")) outb(0x64, 0xfe);
    if (same(line, "triple")) { static const u8 none[6]; __asm__ volatile("lidt %0\n mov %1, %%ds" ::"m"(none), "r"(0x1000)); }
    if (same(line, "keys")) {
        say("ready\n");
        static const u8 expected[3] = {0x1d, 0x38, 0x53};
        for (u32 i = 0; i < 3; i++) {
            while (!(inb(0x64) & 1)) __asm__ volatile("pause");
            if (inb(0x60) != expected[i]) fail("scancode");
        }
        leave(0);
    }
    if (same(line, "count")) for (;;) say("x");
    if (same(line, "halt")) { say("ready\n"); for (;;) __asm__ volatile("hlt"); }
    if (same(line, "devices")) devices(line);
    if (same(line, "scribble ")) scribble(line + 9);
    if (same(line, "beyond")) { /* memory that is not there reads as all ones, and writes are lost */
        wr(0x70000000, 1); leave(rd(0x70000000) == 0xffffffff ? 0 : 1);
    }
    fail("unknown job");
}
