// build: glibc musl
#include "conformance.h"

// Random calls on a small range, against a model of it page by page: what Linux and the guest do must be what the model says.
enum { PAGES = 40, FILE_PAGES = 24, ROUNDS = 12000 };
enum kind { NONE, ANON, PRIVATE, SHARED };

// What a page of the range is: its rights, what is behind it, and whether it has a copy of its own (and what is in it).
struct page {
    enum kind kind;
    int prot, index, own;
    unsigned char value;
};

static struct page model[PAGES];
static unsigned char file[FILE_PAGES];
static int file_pages = FILE_PAGES;
static char *range;
static int fd;
static sigjmp_buf back;
static volatile sig_atomic_t caught;

static void on_fault(int signo) {
    caught = signo;
    siglongjmp(back, 1);
}

static unsigned long state = 88172645463325252ul;
static int below(int limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state % (unsigned long)limit);
}

static int load(int page, unsigned char *value) {
    caught = 0;
    if (sigsetjmp(back, 1) == 0) *value = *(volatile unsigned char *)(range + ((size_t)page << 12) + 7);
    return caught;
}

static int store(int page, unsigned char value) {
    caught = 0;
    if (sigsetjmp(back, 1) == 0) *(volatile unsigned char *)(range + ((size_t)page << 12) + 7) = value;
    return caught;
}

static int expected_fault(const struct page *page, int prot) {
    if (page->kind == NONE || !(page->prot & prot)) return SIGSEGV;
    if (page->kind != ANON && page->index >= file_pages && !page->own) return SIGBUS;
    return 0;
}

static unsigned char contents(const struct page *page) {
    if (page->own) return page->value;
    return page->kind == ANON ? 0 : file[page->index];
}

static int check(int page) {
    unsigned char value = 0;
    int fault = load(page, &value), expected = expected_fault(&model[page], PROT_READ | PROT_WRITE);
    return fault != expected || (fault == 0 && value != contents(&model[page]));
}

static int all_mapped(int start, int count) {
    for (int i = start; i < start + count; i++) if (model[i].kind == NONE) return 0;
    return 1;
}

int main(void) {
    struct sigaction action = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    range = mmap(NULL, PAGES << 12, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(range, PAGES << 12);
    fd = MUST(memfd_create("model", 0));
    VALUE(ftruncate(fd, FILE_PAGES << 12));
    int bad = 0, moves = 0, faults = 0;
    const int rights[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
    for (int round = 0; round < ROUNDS; round++) {
        int start = below(PAGES), count = 1 + below(PAGES - start < 12 ? PAGES - start : 12);
        char *at = range + ((size_t)start << 12);
        size_t len = (size_t)count << 12;
        int prot = rights[below(3)];
        unsigned char value = (unsigned char)(1 + below(255));
        switch (below(10)) {
        case 0: case 1: {
            enum kind kind = (enum kind)(1 + below(3));
            int offset = below(FILE_PAGES);
            int flags = MAP_FIXED | (kind == ANON ? MAP_ANONYMOUS : 0) | (kind == SHARED ? MAP_SHARED : MAP_PRIVATE);
            bad += mmap(at, len, prot, flags, kind == ANON ? -1 : fd, kind == ANON ? 0 : (off_t)offset << 12) != at;
            // Pages beyond the largest index are past the end always.
            for (int i = 0; i < count; i++) model[start + i] = (struct page){kind, prot, offset + i, 0, 0};
            break;
        }
        case 2:
            bad += munmap(at, len) != 0;
            for (int i = start; i < start + count; i++) model[i].kind = NONE;
            break;
        case 3: {
            // With a hole in the range, Linux changes what is before it; avoided, as it is no contract.
            if (!all_mapped(start, count)) break;
            bad += mprotect(at, len, prot) != 0;
            for (int i = start; i < start + count; i++) model[i].prot = prot;
            break;
        }
        case 4:
            bad += (madvise(at, len, MADV_DONTNEED) == 0) != all_mapped(start, count);
            for (int i = start; i < start + count; i++) model[i].own = 0;
            break;
        case 5: {
            // Linux keeps the private copies of pages past the end only if they were made after it was the end: none are.
            int pages = 4 + below(FILE_PAGES - 4);
            if (below(3) == 0) pages = FILE_PAGES;
            bad += ftruncate(fd, (off_t)pages << 12) != 0;
            for (int i = pages; i < file_pages; i++) file[i] = 0;
            for (int i = 0; i < PAGES; i++) if (model[i].kind != ANON && model[i].index >= pages) model[i].own = 0;
            file_pages = pages;
            break;
        }
        case 6: {
            int index = below(file_pages);
            if (below(4) == 0) {
                bad += fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)index << 12, 4096) != 0;
                file[index] = 0;
            } else {
                bad += pwrite(fd, &value, 1, ((off_t)index << 12) + 7) != 1;
                file[index] = value;
            }
            break;
        }
        case 7: {
            // Move to another place of the range that does not meet it; only within one mapping, as mremap wants.
            int to = below(PAGES - count + 1);
            int single = all_mapped(start, count) && (to + count <= start || to >= start + count);
            for (int i = start + 1; i < start + count && single; i++) {
                const struct page *a = &model[i - 1], *b = &model[i];
                single = a->kind == b->kind && a->prot == b->prot && (a->kind == ANON || a->index + 1 == b->index);
            }
            if (!single) break;
            char *target = range + ((size_t)to << 12);
            char *got = mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, target);
            // Anonymous pages that look alike may still be of areas that Linux keeps apart.
            if (got == MAP_FAILED && errno == EFAULT && count > 1) {
                bad += munmap(target, len) != 0;
                for (int i = 0; i < count; i++) model[to + i].kind = NONE;
                break;
            }
            bad += got != target;
            for (int i = 0; i < count; i++) {
                model[to + i] = model[start + i];
                model[start + i].kind = NONE;
            }
            moves++;
            break;
        }
        default:
            for (int i = start; i < start + count; i++) {
                struct page *page = &model[i];
                int fault = store(i, value), expected = expected_fault(page, PROT_WRITE);
                bad += fault != expected;
                faults += fault != 0;
                if (fault) continue;
                if (page->kind == SHARED) file[page->index] = value;
                else page->own = 1, page->value = value;
            }
        }
        for (int i = 0; i < 6; i++) bad += check(below(PAGES));
        int index = below(file_pages);
        unsigned char seen = 0;
        bad += pread(fd, &seen, 1, ((off_t)index << 12) + 7) != 1 || seen != file[index];
        if (bad) {
            printf("round %d: bad %d\n", round, bad);
            return 1;
        }
    }
    for (int i = 0; i < PAGES; i++) bad += check(i);
    printf("bad %d, moves %s, faults %s\n", bad, moves > 20 ? "some" : "none", faults > 20 ? "some" : "none");
}
