// build: glibc musl
#include "conformance.h"
#include <sys/auxv.h>
#include <sys/random.h>

int main(void) {
    unsigned char a[256] = {0}, b[256] = {0};
    VALUE(getrandom(a, 256, 0));
    VALUE(getrandom(b, 256, GRND_NONBLOCK));
    FACT(memcmp(a, b, 256) != 0);
    VALUE(getrandom(a, 16, GRND_RANDOM));
    VALUE(getrandom(a, 16, GRND_INSECURE));
    VALUE(getrandom(a, 16, 0x80));
    VALUE(getrandom(a, 16, GRND_RANDOM | GRND_INSECURE));
    VALUE(getrandom(a, 0, 0));
    static unsigned char large[1 << 20];
    VALUE(getrandom(large, sizeof large, 0));
    unsigned counts[256] = {0};
    for (size_t i = 0; i < sizeof large; i++) counts[large[i]]++;
    int odd = 0;
    for (int i = 0; i < 256; i++) odd += counts[i] < 3500 || counts[i] > 4700;
    printf("odd %d\n", odd);
    VALUE(getentropy(a, 256));
    VALUE(getentropy(large, 257));
    unsigned char *seed = (unsigned char *)getauxval(AT_RANDOM);
    FACT(seed != NULL);
    int different = 0;
    for (int i = 1; i < 16; i++) different += seed[i] != seed[0];
    FACT(different > 3);
}
