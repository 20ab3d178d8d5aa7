/* banyan-transaction-describe.c - a change as people see it while it is under way
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-transaction-private.h"

static const BanyanOrigin origin = { .kind = BANYAN_ORIGIN_PROGRAM };

static void
add_text (BanyanSpecBuilder *map, const char *key, BanyanSpecKind kind, const char *text)
{
  g_autoptr (BanyanSpec) spec = banyan_spec_new_scalar (kind, text, &origin);

  banyan_spec_builder_add (map, key, &origin, spec);
}

static void
add_drained (BanyanSpecBuilder *map, GPtrArray *backends)
{
  BanyanSpecBuilder *list = banyan_spec_builder_new (BANYAN_SPEC_LIST, &origin);
  g_autoptr (BanyanSpec) drained = NULL;

  for (guint i = 0; i < backends->len; i++)
    {
      g_autoptr (BanyanSpec) gate = banyan_backend_describe_gate (backends->pdata[i]);

      banyan_spec_builder_add (list, NULL, NULL, gate);
    }

  drained = banyan_spec_builder_end (list);
  banyan_spec_builder_add (map, "drained", &origin, drained);
}

BanyanSpec *
banyan_transaction_describe (BanyanTransaction *self)
{
  static const char *const phases[]
      = { "queued", "prepare", "close-gates", "settle", "switch", "open-gates", "finish", "done" };
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &origin);
  g_autofree char *manager = banyan_origin_to_string (&self->manager);
  g_autofree char *steps = g_strdup_printf ("%u", self->steps->len);
  g_autofree char *age
      = g_strdup_printf ("%" G_GINT64_FORMAT, (g_get_monotonic_time () - self->queued_us) / 1000);

  add_text (map, "owner", BANYAN_SPEC_STRING, manager);
  add_text (map, "phase", BANYAN_SPEC_STRING, phases[self->phase]);
  add_text (map, "age-ms", BANYAN_SPEC_NUMBER, age);
  add_text (map, "steps", BANYAN_SPEC_NUMBER, steps);
  if (self->view != NULL && self->phase >= BANYAN_PHASE_CLOSE_GATES
      && self->phase <= BANYAN_PHASE_OPEN_GATES)
    add_drained (map, self->view->backends);

  return banyan_spec_builder_end (map);
}
