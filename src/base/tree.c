#include "base/tree.h"

#include <search.h>

struct walk {
	tree_visit *visit;
	void *context;
};

static void
visit_node(const void *node, VISIT order, const struct walk *walk)
{
	if (order == postorder || order == leaf)
		walk->visit(*(const void *const *)node, walk->context);
}

#ifdef HAVE_TWALK_R
static void
take_node(const void *node, VISIT order, void *context)
{
	visit_node(node, order, context);
}

void
tree_walk(const void *root, tree_visit *visit, void *context)
{
	struct walk walk = { visit, context };

	twalk_r(root, take_node, &walk);
}
#else
static struct walk current; /* what twalk() has no parameter for */

static void
take_node(const void *node, VISIT order, int depth)
{
	(void)depth;
	visit_node(node, order, &current);
}

void
tree_walk(const void *root, tree_visit *visit, void *context)
{
	current = (struct walk){ visit, context };
	twalk(root, take_node);
}
#endif
