// SPDX-License-Identifier: MIT
// The test program inside a captured guest. It maps one of everything, prints where the guest kernel says each page is
// (/proc/self/pagemap), and then spins in user mode, so that the root of its address space is live when the host stops
// the machine. Lines: "SAMPLE page VA PA", "SAMPLE none VA PA", "SAMPLE hole VA", "SAMPLE ready".
// "zoo beside" does the same on the second CPU without a word, so that two address spaces are live at once.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { pages = 12, read_only = 3, read_execute = 5, no_access = 7, hole = 9 };
enum { most_areas = 96, most_pages = 3072 };     // of an area, so that a 1G page does not fill the console

struct area { uintptr_t first, end; };

static void die(char const *what)
{
    perror(what);
    puts("SAMPLE failed");
    exit(1);
}

static char *anonymous(size_t size, int flags)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static char *small_pages(size_t page)
{
    char *const p = anonymous(pages * page, 0);
    if (p == MAP_FAILED)
        die("mmap");
    for (int i = 0; i < pages; ++i)
        p[(size_t)i * page] = (char)('a' + i);
    if (mprotect(p + read_only * page, page, PROT_READ)
        || mprotect(p + read_execute * page, page, PROT_READ | PROT_EXEC)
        || mprotect(p + no_access * page, page, PROT_NONE)
        || munmap(p + hole * page, page))
        die("mprotect");
    return p;
}

// Aligned by hand, so that every transparent page of 2 MiB fits (i386 without PAE has none).
static void huge_pages(void)
{
    size_t const size = 8u << 20, align = 2u << 20;
    char *const p = anonymous(size + align, 0);
    if (p == MAP_FAILED)
        die("mmap of 8 MiB");
    char *const q = (char *)(((uintptr_t)p + align - 1) & ~(uintptr_t)(align - 1));
    madvise(q, size, MADV_HUGEPAGE);
    memset(q, 'h', size);
}

// Reserved huge pages of every size the kernel may offer: 64K is a contiguous run on Arm and Svnapot on RISC-V. A size
// that this kernel lacks, or has none left of, is simply not there.
static void reserved_pages(void)
{
    for (unsigned shift = 16; shift <= 30; ++shift) {
        char *const p = anonymous((size_t)1 << shift, MAP_HUGETLB | (int)(shift << 26));
        if (p != MAP_FAILED)
            *p = 't';
    }
}

static int read_areas(struct area *areas)
{
    FILE *const maps = fopen("/proc/self/maps", "r");
    if (!maps)
        die("/proc/self/maps");
    char line[512];
    int n = 0;
    while (n < most_areas && fgets(line, sizeof line, maps)) {
        unsigned long first, end;
        if (sscanf(line, "%lx-%lx", &first, &end) == 2)
            areas[n++] = (struct area){first, end};
    }
    fclose(maps);
    return n;
}

static _Noreturn void spin(void)
{
    for (;;)
        __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv)
{
    size_t const page = (size_t)sysconf(_SC_PAGESIZE);
    int const beside = argc > 1 && strcmp(argv[1], "beside") == 0;
    cpu_set_t own_cpu;
    CPU_ZERO(&own_cpu);
    CPU_SET(beside, &own_cpu);
    if (sched_setaffinity(0, sizeof own_cpu, &own_cpu))
        die("sched_setaffinity");

    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    int const pagemap = open("/proc/self/pagemap", O_RDONLY);
    if (pagemap < 0)
        die("/proc/self/pagemap");

    uintptr_t const small = (uintptr_t)small_pages(page);
    huge_pages();
    if (beside)
        spin();
    reserved_pages();

    static struct area areas[most_areas];
    int const n = read_areas(areas);
    for (int i = 0; i < n; ++i)
        for (uintptr_t va = areas[i].first; va < areas[i].end && va < areas[i].first + most_pages * page; va += page) {
            uint64_t entry;
            if (pread(pagemap, &entry, sizeof entry, (off_t)(va / page * sizeof entry)) != (ssize_t)sizeof entry)
                break;
            if (!(entry >> 63))
                continue;
            uint64_t const pa = (entry & (((uint64_t)1 << 55) - 1)) * page;
            printf("SAMPLE %s %lx %llx\n", va == small + no_access * page ? "none" : "page", (unsigned long)va,
                   (unsigned long long)pa);
        }
    printf("SAMPLE hole %lx\nSAMPLE ready\n", (unsigned long)(small + hole * page));
    spin();
}
