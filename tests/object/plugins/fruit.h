/* fruit.h - the plainest class that a plugin can have
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-registry.h>

#define DEFINE_FRUIT(Name, name, NAME) \
  DECLARE_FRUIT (Name, name, NAME) \
  static void test_##name##_class_init (Test##Name##Class *klass) {}

#define DECLARE_FRUIT(Name, name, NAME) \
  G_DECLARE_FINAL_TYPE (Test##Name, test_##name, TEST, NAME, BanyanObject) \
  struct _Test##Name \
  { \
    BanyanObject parent_instance; \
  }; \
  BANYAN_DEFINE_DRIVER (Test##Name, test_##name, BANYAN_TYPE_OBJECT) \
  static void test_##name##_init (Test##Name *self) {}
