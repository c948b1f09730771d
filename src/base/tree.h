/* Walks the trees of tsearch(3) with a context: twalk(3) takes none, and only
 * the GNU library has twalk_r(3).  It does not know what is in the tree. */
#ifndef TREE_H
#define TREE_H

/* Is called with what the caller put into the tree. */
typedef void tree_visit(const void *item, void *context);

/* Visits all items of a tree in their order.  Where the system has no
 * twalk_r(), two threads must not do so at once. */
void tree_walk(const void *root, tree_visit *visit, void *context);

#endif
