/*
 * The ceiling: a FastCGI responder that reads the body, answers 201 with an
 * answer as long as ours, and does nothing else.  bench/run starts as many
 * processes of it as are fastest.
 */
#include <fcgiapp.h>
#include <stdio.h>

static const char answer[] =
    "{\"ok\":true,\"eventId\":\"01KAS0000000000000000000000\","
    "\"eventType\":\"approval_granted\","
    "\"sessionId\":\"sess_0123456789abcdef01234567\"}";

int
main(void)
{
	FCGX_Request request;
	char body[16384], response[512];
	int len;

	len = snprintf(response, sizeof(response),
	    "Status: 201 Created\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n"
	    "Cache-Control: no-store\r\n"
	    "\r\n"
	    "%s", sizeof(answer) - 1, answer);
	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0) {
		while (FCGX_GetStr(body, sizeof(body), request.in) > 0)
			;
		FCGX_PutStr(response, len, request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}
