/* banyan-test-change.h - changes of graphs in tests, whose failure fails the test
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "banyan-test.h"

G_BEGIN_DECLS

void banyan_test_commit (BanyanTransaction *transaction);

/* banyan_object_new(). (transfer full) */
BanyanObject *banyan_test_make (const char *type, const char *id);

/* A step of @transaction that sets @key to what a document would have. */
void banyan_test_add_set (BanyanTransaction *transaction, gpointer object, const char *key,
                          const char *text);

/* Each is a transaction of its own: a property is set, a new filter goes onto @edge, and one goes
 * away. */
void banyan_test_set (gpointer object, const char *key, const char *text);
void banyan_test_insert (BanyanTestGraph *self, const char *type, const char *id,
                         BanyanChild *edge);
void banyan_test_take_out (BanyanTestGraph *self, const char *id);

G_END_DECLS
