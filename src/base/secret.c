#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>

void *
secret_alloc(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	mlock(pages, size);
	madvise(pages, size, MADV_DONTDUMP);
	return pages;
}

void
secret_free(void *secret, size_t size)
{
	if (secret == NULL)
		return;
	explicit_bzero(secret, size);
	munmap(secret, size);
}
