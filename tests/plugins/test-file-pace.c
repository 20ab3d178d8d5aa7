/* test-file-pace.c - when the driver "file" writes on the spot
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "banyan-test.h"

#include "../../plugins/protocols/file/file-pace.h"

#define SECOND (1000 * 1000)

static void
test_quick_writes_stay (void)
{
  FilePace pace = { 0 };

  g_test_summary ("Writes that take no time are made on the spot, and nothing else is asked");

  for (guint i = 0; i < 1000; i++)
    file_pace_note (&pace, SECOND + i * 100, 90, FILE_PACE_UNKNOWN);
  g_assert_false (file_pace_is_slow (&pace, 2 * SECOND));
  g_assert_false (file_pace_is_watched (&pace, SECOND));
}

static void
test_preempted_writes_stay (void)
{
  FilePace pace = { 0 };

  g_test_summary ("A thread that had to wait for a processor says nothing about the disk");

  file_pace_note (&pace, SECOND, 4000, FILE_PACE_UNKNOWN);
  g_assert_false (file_pace_is_slow (&pace, SECOND));
  g_assert_true (file_pace_is_watched (&pace, SECOND + 79999));
  g_assert_false (file_pace_is_watched (&pace, SECOND + 80000));

  file_pace_note (&pace, SECOND + 5000, 4000, FILE_PACE_RAN);
  file_pace_note (&pace, SECOND + 90000, 80000, FILE_PACE_RAN);
  g_assert_false (file_pace_is_slow (&pace, SECOND + 90000));
}

static void
test_blocked_writes_go (void)
{
  FilePace pace = { 0 };

  g_test_summary ("Who was made to wait writes elsewhere for twenty times as long");

  file_pace_note (&pace, SECOND, 4000, FILE_PACE_UNKNOWN);
  file_pace_note (&pace, SECOND + 5000, 4000, FILE_PACE_SLEPT);
  g_assert_true (file_pace_is_slow (&pace, SECOND + 5000 + 79999));
  g_assert_false (file_pace_is_slow (&pace, SECOND + 5000 + 80000));
  g_assert_true (file_pace_is_watched (&pace, SECOND + 5000 + 80000));

  /* The next one blocks as well: no second chance. */
  file_pace_note (&pace, 2 * SECOND, 200000, FILE_PACE_SLEPT);
  g_assert_true (file_pace_is_slow (&pace, 2 * SECOND + 3999999));
}

static void
test_long_writes_go_at_once (void)
{
  FilePace pace = { 0 };

  g_test_summary ("A write that took longer than any neighbour can explain was blocked");

  file_pace_note (&pace, SECOND, 200000, FILE_PACE_UNKNOWN);
  g_assert_true (file_pace_is_slow (&pace, SECOND + 3999999));
}

static void
test_comes_back (void)
{
  FilePace pace = { 0 };

  g_test_summary ("Ten seconds after the worst write another one is tried");

  file_pace_note (&pace, SECOND, 60 * SECOND, FILE_PACE_UNKNOWN);
  g_assert_true (file_pace_is_slow (&pace, 11 * SECOND - 1));
  g_assert_false (file_pace_is_slow (&pace, 11 * SECOND));
}

int
main (int argc, char **argv)
{
  banyan_test_init (&argc, &argv);
  g_test_add_func ("/protocol/file/pace/quick-writes-stay", test_quick_writes_stay);
  g_test_add_func ("/protocol/file/pace/preempted-writes-stay", test_preempted_writes_stay);
  g_test_add_func ("/protocol/file/pace/blocked-writes-go", test_blocked_writes_go);
  g_test_add_func ("/protocol/file/pace/long-writes-go-at-once", test_long_writes_go_at_once);
  g_test_add_func ("/protocol/file/pace/comes-back", test_comes_back);
  return g_test_run ();
}
