/* The subcommands; one file each, named as they are. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "command.h"

int list_run(struct context *context, int argc, char **argv);
int refused_run(struct context *context, int argc, char **argv);
int check_proof_run(struct context *context, int argc, char **argv);
int export_run(struct context *context, int argc, char **argv);
int import_run(struct context *context, int argc, char **argv);
int prove_run(struct context *context, int argc, char **argv);
int prune_run(struct context *context, int argc, char **argv);
int seal_run(struct context *context, int argc, char **argv);
int verify_run(struct context *context, int argc, char **argv);
int send_run(struct context *context, int argc, char **argv);
int show_run(struct context *context, int argc, char **argv);
int sign_run(struct context *context, int argc, char **argv);
int stats_run(struct context *context, int argc, char **argv);
int tail_run(struct context *context, int argc, char **argv);
int timeline_run(struct context *context, int argc, char **argv);

#endif
