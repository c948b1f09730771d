/* A CGI program that only prints a header: what starting any program costs. */
#include <unistd.h>

static const char answer[] =
    "Status: 201 Created\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 0\r\n"
    "\r\n";

int
main(void)
{
	const ssize_t len = sizeof(answer) - 1;
	return write(STDOUT_FILENO, answer, (size_t)len) == len ? 0 : 1;
}
