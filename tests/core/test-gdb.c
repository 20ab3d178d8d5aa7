/* test-gdb.c - tools/banyan-gdb.py shows coroutines in a debugger
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-fixture.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* The program under the debugger: one coroutine sleeps in a function with a name, another one calls
 * breakpoint_here(). */
__attribute__ ((noinline)) void breakpoint_here (void);

__attribute__ ((noinline)) void
breakpoint_here (void)
{
  __asm__ volatile("" ::: "memory");
}

static __attribute__ ((noinline)) void
wait_for_godot (guint acts)
{
  g_assert_false (banyan_co_sleep_ms (acts * 100000, NULL));
}

static void
sleeping_function (gpointer data)
{
  *(BanyanCoroutine **) data = banyan_coroutine_self ();
  wait_for_godot (2);
  *(BanyanCoroutine **) data = NULL;
}

static void
starting_function (gpointer data)
{
  BanyanCoroutine *sleeper = NULL;

  banyan_coroutine_start (sleeping_function, &sleeper);
  breakpoint_here ();
  banyan_coroutine_cancel (sleeper);
  while (sleeper != NULL)
    banyan_co_yield ();
}

static void
be_debugged (void)
{
  run_alone ("epoll", starting_function, NULL);
}

static char *
debug (const char *commands)
{
  g_autofree char *gdb = g_find_program_in_path ("gdb");
  g_autofree char *script
      = g_build_filename (g_getenv ("BANYAN_SOURCE_DIR"), "tools", "banyan-gdb.py", NULL);
  const char *arguments[] = { gdb,
                              "-nx",
                              "-batch",
                              "-iex",
                              "set debuginfod enabled off",
                              "-ex",
                              "set breakpoint pending on",
                              "-ex",
                              "break breakpoint_here",
                              "-ex",
                              "run",
                              "-x",
                              script,
                              "-x",
                              commands,
                              "-ex",
                              "continue",
                              "--args",
                              "/proc/self/exe",
                              "--debugged",
                              NULL };
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *output = NULL;

  if (gdb == NULL || BANYAN_ASAN || BANYAN_TSAN)
    {
      g_test_skip (gdb == NULL ? "there is no gdb" : "sanitizers and debuggers do not go together");
      return NULL;
    }

  arguments[G_N_ELEMENTS (arguments) - 3] = self;
  process = g_subprocess_newv (
      arguments, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error);
  g_assert_no_error (error);

  if (strstr (output, "Cannot create process") != NULL || strstr (output, "ptrace") != NULL)
    {
      g_test_skip ("this process may not debug");
      g_clear_pointer (&output, g_free);
    }
  return output;
}

static char *
debug_with (const char *text)
{
  g_autofree char *path = NULL;
  char *output;
  int fd = g_file_open_tmp ("banyan-XXXXXX.gdb", &path, NULL);

  close (fd);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  output = debug (path);
  g_unlink (path);
  if (output != NULL)
    g_test_message ("%s", output);
  return output;
}

static void
assert_matches (const char *output, const char *pattern)
{
  if (!g_regex_match_simple (pattern, output, G_REGEX_MULTILINE | G_REGEX_DOTALL, 0))
    g_error ("gdb printed nothing like %s:\n%s", pattern, output);
}

static void
test_list (void)
{
  g_autofree char *output = NULL;

  g_test_summary ("`banyan coroutines` lists those alive with loop, state and starting function");

  output = debug_with ("banyan coroutines\n");
  if (output == NULL)
    return;
  assert_matches (output, "^0x[0-9a-f]+  test +suspended +sleeping_function$");
  assert_matches (output, "^0x[0-9a-f]+  test +running +visit_main$");
  assert_matches (output, "exited normally");
}

static void
test_backtrace (void)
{
  g_autofree char *output = NULL;

  g_test_summary ("`banyan bt` shows the stack of a suspended and of a running coroutine");

  output = debug_with ("banyan bt all\n");
  if (output == NULL)
    return;
#ifdef BANYAN_CONTEXT_UCONTEXT
  assert_matches (output, "by ucontext");
#else
  assert_matches (output, "suspended:.*banyan_co_sleep_ns.*wait_for_godot \\(acts=.*"
                          "sleeping_function.*coroutine_main");
  assert_matches (output, "running:.*breakpoint_here.*starting_function.*coroutine_main");
  assert_matches (output, "exited normally");
#endif
}

static void
test_unwinds (void)
{
  g_autofree char *output = NULL;

  g_test_summary ("An ordinary backtrace inside a coroutine ends at its first function");

  output = debug_with ("backtrace\necho end\\n\n");
  if (output == NULL)
    return;
#ifdef BANYAN_CONTEXT_UCONTEXT
  assert_matches (output, "breakpoint_here.*starting_function.*coroutine_main.*__start_context");
#else
  assert_matches (output, "breakpoint_here.*starting_function.*coroutine_main[^\n]*\nend");
#endif
  g_assert_null (strstr (output, "corrupt"));
}

int
main (int argc, char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--debugged"))
    {
      be_debugged ();
      return 0;
    }

  engine_test_init (&argc, &argv);
  g_test_add_func ("/engine/gdb/lists-coroutines", test_list);
  g_test_add_func ("/engine/gdb/prints-their-backtraces", test_backtrace);
  g_test_add_func ("/engine/gdb/unwinds-inside-one", test_unwinds);
  return g_test_run ();
}
