/* fruit.h - the plainest class that a plugin can have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-plugin.h>

#define DEFINE_FRUIT(Name, name, NAME) \
  DECLARE_FRUIT (Name, name, NAME) \
  static void test_##name##_class_init (Test##Name##Class *klass) {}

#define DECLARE_FRUIT(Name, name, NAME) \
  DECLARE_FRUIT_OF (Name, name, NAME, BanyanObject, BANYAN_TYPE_OBJECT)

/* One that says it is a filter or a format is a node. */
#define DEFINE_FRUIT_OF(Name, name, NAME, Base, BASE_TYPE) \
  DECLARE_FRUIT_OF (Name, name, NAME, Base, BASE_TYPE) \
  static void test_##name##_class_init (Test##Name##Class *klass) {}

#define DECLARE_FRUIT_OF(Name, name, NAME, Base, BASE_TYPE) \
  G_DECLARE_FINAL_TYPE (Test##Name, test_##name, TEST, NAME, Base) \
  struct _Test##Name \
  { \
    Base parent_instance; \
  }; \
  BANYAN_DEFINE_DRIVER (Test##Name, test_##name, BASE_TYPE) \
  static void test_##name##_init (Test##Name *self) {}
