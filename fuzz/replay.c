/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds every file of a folder to a fuzz target, without libFuzzer: the corpus as a normal test. Passing means
 * that no input crashes, hangs or trips a sanitizer; an empty folder is a failure, because it tests nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file, in a buffer of exactly its size, so that ASan sees the first byte read past it. */
static uint8_t *read_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    uint8_t *data = NULL;

    if (fd >= 0 && fstat(fd, &about) == 0) {
        *size = (size_t)about.st_size;
        data = malloc(*size ? *size : 1);
        if (data && read(fd, data, *size) != (ssize_t)*size) {
            free(data);
            data = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return data;
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : -1;

    if (count <= 0) {
        fprintf(stderr, "usage: %s FOLDER, with at least one input in it\n", argv[0]);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        size_t size = 0;
        uint8_t *data = asprintf(&path, "%s/%s", argv[1], entries[i]->d_name) < 0 ? NULL : read_file(path, &size);

        if (!data) {
            fprintf(stderr, "cannot read %s\n", entries[i]->d_name);
            return 1;
        }
        printf("# %s, %zu bytes\n", entries[i]->d_name, size);
        fflush(stdout); /* the last line names the input that crashed */
        LLVMFuzzerTestOneInput(data, size);
        free(data);
        free(path);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
