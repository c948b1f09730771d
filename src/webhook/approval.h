/* Third parties' approvals: where a sender says who decided on a request for
 * an act that is not done yet.  The functions are of the column `approval`;
 * see source.h. */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "base/json.h"

/*
 * GitHub's deployment_review, told by its body alone, since the header that
 * names the event is not signed: `action` is requested, approved or rejected,
 * there are workflow_run.id, one environment, and who asked or may decide.
 * The request's id is "<run id>/<environment>" in all three.
 */
bool approval_of_deployment_review(struct json_object *body,
    const char **type, struct json_object **payload);

#endif
