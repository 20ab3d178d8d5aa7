/* mean.c - plugin that is fine by itself and spoils what is loaded after it
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fruit.h"

DECLARE_FRUIT (Medlar, medlar, MEDLAR)

static void
test_medlar_class_init (TestMedlarClass *klass)
{
  g_type_register_static_simple (G_TYPE_OBJECT, "TestPear", sizeof (GObjectClass), NULL,
                                 sizeof (GObject), NULL, 0);
}

BANYAN_PLUGIN_DEFINE (medlar, .kind = BANYAN_PLUGIN_OBJECT,
                      .register_type = test_medlar_register_type, .summary = "A fruit")
