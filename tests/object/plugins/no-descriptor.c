/* no-descriptor.c - plugin that forgot to say that it is one
 * SPDX-License-Identifier: LGPL-2.1-or-later */

int test_nothing (void);

int
test_nothing (void)
{
  return 0;
}
