/* banyan-test-change.c - changes of graphs in tests, whose failure fails the test
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test-change.h"

void
banyan_test_commit (BanyanTransaction *transaction)
{
  g_autoptr (GError) error = NULL;

  banyan_transaction_commit (transaction, &error);
  g_assert_no_error (error);
}

BanyanObject *
banyan_test_make (const char *type, const char *id)
{
  g_autoptr (GError) error = NULL;
  BanyanObject *object = banyan_object_new (type, id, &error);

  g_assert_no_error (error);
  return object;
}

void
banyan_test_add_set (BanyanTransaction *transaction, gpointer object, const char *key,
                     const char *text)
{
  BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };
  g_autoptr (BanyanSpec) value = banyan_spec_new_scalar (BANYAN_SPEC_TEXT, text, &origin);

  banyan_transaction_set (transaction, object, key, value);
}

void
banyan_test_set (gpointer object, const char *key, const char *text)
{
  g_autoptr (GError) error = NULL;

  banyan_object_set (object, key, text, &error);
  g_assert_no_error (error);
}

void
banyan_test_insert (BanyanTestGraph *self, const char *type, const char *id, BanyanChild *edge)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (banyan_test_graph_get (self));
  g_autoptr (BanyanObject) filter = banyan_test_make (type, id);

  banyan_transaction_add (transaction, filter, NULL);
  banyan_transaction_insert_on_edge (transaction, BANYAN_NODE (filter), edge);
  banyan_test_commit (transaction);
}

void
banyan_test_take_out (BanyanTestGraph *self, const char *id)
{
  g_autoptr (BanyanTransaction) transaction = banyan_transaction_new (banyan_test_graph_get (self));

  banyan_transaction_remove_filter (transaction, banyan_test_get_node (self, id));
  banyan_test_commit (transaction);
}
