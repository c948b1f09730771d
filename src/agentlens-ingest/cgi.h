/* One request of CGI (RFC 3875): from the environment and standard input, to
 * standard output.  It does not know what is asked and answered. */
#ifndef CGI_H
#define CGI_H

#include "agentlens-ingest/request.h"

/* Serves the request of the environment, which the handler must have answered
 * when it returns.  Returns 0, or -1 when the response was not written. */
int cgi_serve(request_handler *handler, void *context);

#endif
