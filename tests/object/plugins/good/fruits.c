/* fruits.c - plugin with two types
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-registry.h>

G_DECLARE_FINAL_TYPE (TestApple, test_apple, TEST, APPLE, GObject)

struct _TestApple
{
  GObject parent_instance;
};

BANYAN_DEFINE_DRIVER (TestApple, test_apple, G_TYPE_OBJECT)

static void
test_apple_class_init (TestAppleClass *klass)
{
}

static void
test_apple_init (TestApple *self)
{
}

G_DECLARE_FINAL_TYPE (TestSourCherry, test_sour_cherry, TEST, SOUR_CHERRY, GObject)

struct _TestSourCherry
{
  GObject parent_instance;
};

BANYAN_DEFINE_DRIVER (TestSourCherry, test_sour_cherry, G_TYPE_OBJECT)

static void
test_sour_cherry_class_init (TestSourCherryClass *klass)
{
}

static void
test_sour_cherry_init (TestSourCherry *self)
{
}

static const BanyanPluginType types[] = {
  { "apple", BANYAN_PLUGIN_FILTER, test_apple_register_type, "A fruit that keeps" },
  { "sour_cherry", BANYAN_PLUGIN_FORMAT, test_sour_cherry_register_type, "A fruit that does not" },
  { NULL },
};

BANYAN_PLUGIN_DEFINE (fruits, .summary = "Fruits of two kinds", .types = types)
