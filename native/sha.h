/* What a file holds, in a few words. */
#ifndef REDFORD_SHA_H
#define REDFORD_SHA_H
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* SHA-256 (FIPS 180-4), of which look.ts keeps the first 128 bits. */
typedef struct { uint32_t h[8]; unsigned char block[64]; uint64_t size; } Sha;

#define SHA_BEGIN \
    {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, {0}, 0}

static inline uint32_t rotate_right(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static inline void sha_block(Sha *s, const unsigned char *p)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
        0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
        0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
        0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
        0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
        0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[i * 4] << 24 | (uint32_t)p[i * 4 + 1] << 16 | (uint32_t)p[i * 4 + 2] << 8 | p[i * 4 + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ (a >> 3)) + w[i - 7] +
               (rotate_right(b, 17) ^ rotate_right(b, 19) ^ (b >> 10));
    }
    memcpy(v, s->h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = v[7] + (rotate_right(v[4], 6) ^ rotate_right(v[4], 11) ^ rotate_right(v[4], 25)) +
                      ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
        uint32_t t2 = (rotate_right(v[0], 2) ^ rotate_right(v[0], 13) ^ rotate_right(v[0], 22)) +
                      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) s->h[i] += v[i];
}

static inline void sha_add(Sha *s, const unsigned char *data, size_t size)
{
    while (size > 0) {
        size_t held = s->size % 64, n = 64 - held < size ? 64 - held : size;
        memcpy(s->block + held, data, n);
        s->size += n;
        data += n;
        size -= n;
        if (s->size % 64 == 0) sha_block(s, s->block);
    }
}

/* The first four words of the digest, as look.ts has them: the digest's bytes, read as little-endian words. */
static inline void sha_end(Sha *s, uint32_t digest[4])
{
    unsigned char tail[8];
    uint64_t bits = s->size * 8;
    for (int i = 0; i < 8; i++) tail[i] = (unsigned char)(bits >> (56 - 8 * i));
    sha_add(s, (const unsigned char *)"\x80", 1);
    while (s->size % 64 != 56) sha_add(s, (const unsigned char *)"", 1);
    sha_add(s, tail, 8);
    for (int i = 0; i < 4; i++) digest[i] = __builtin_bswap32(s->h[i]);
}

/* Of a file of at most `size_max` bytes. */
static inline int hash_file(const char *path, uint64_t size_max, uint32_t digest[4])
{
    Sha s = SHA_BEGIN;
    unsigned char chunk[16384];
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) return 0;
    while (s.size <= size_max && (n = read(fd, chunk, sizeof chunk)) > 0) sha_add(&s, chunk, (size_t)n);
    close(fd);
    if (n < 0 || s.size > size_max) return 0;
    sha_end(&s, digest);
    return 1;
}

#endif
