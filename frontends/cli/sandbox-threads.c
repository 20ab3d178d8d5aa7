/* sandbox-threads.c - what the kernel does for one thread only, done for all
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Landlock rules, capabilities and "no new privileges" belong to a thread; the loops' and the
 * pool's run already when everything is open. Each is sent a signal, and its handler does the work.
 * The signal is SIGSYS, which no thread of the library blocks; GLib's own blocks all, and is made
 * confined. Threads begun meanwhile have what
 * their maker had, so the list is read until it has nobody new. The kernel's own workers for
 * io_uring do what they do with the rights of who asked. */

#include "sandbox-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_THREADS 1024
#define PATIENCE_MS 10000

#define PENDING (-1)

typedef struct
{
  pid_t id;
  int result; /* atomic: 0, an errno, or PENDING */
} Thread;

/* Read by handlers. */
static Thread threads[MAX_THREADS];
static guint n_threads;          /* atomic */
static int (*everybodys) (void); /* set before the first signal */

static void
on_signal (int number)
{
  pid_t id = syscall (SYS_gettid);
  guint n = __atomic_load_n (&n_threads, __ATOMIC_ACQUIRE);
  int before = errno;

  for (guint i = 0; i < n; i++)
    if (threads[i].id == id && __atomic_load_n (&threads[i].result, __ATOMIC_RELAXED) == PENDING)
      __atomic_store_n (&threads[i].result, everybodys (), __ATOMIC_RELEASE);
  errno = before;
}

static gboolean
is_known (pid_t id)
{
  for (guint i = 0; i < n_threads; i++)
    if (threads[i].id == id)
      return TRUE;
  return FALSE;
}

static void
read_name (int folder, const char *id, char name[32])
{
  g_autofree char *path = g_strdup_printf ("%s/comm", id);
  int fd = openat (folder, path, O_RDONLY | O_CLOEXEC);
  gssize n = fd >= 0 ? read (fd, name, 31) : 0;

  name[MAX (n, 0)] = '\0';
  g_strchomp (name);
  if (fd >= 0)
    close (fd);
}

static gboolean
wait_for (Thread *thread, const char *name, GError **error)
{
  int result;

  for (guint ms = 0; ms < PATIENCE_MS; ms++)
    {
      result = __atomic_load_n (&thread->result, __ATOMIC_ACQUIRE);
      if (result == 0)
        return TRUE;
      if (result > 0)
        return banyan_throw_errno (error, result, "confining thread %d (%s)", thread->id, name);
      /* It may have ended. */
      if (syscall (SYS_tgkill, getpid (), thread->id, 0) < 0 && errno == ESRCH)
        return TRUE;
      g_usleep (1000);
    }

  return banyan_throw_errno (error, ETIMEDOUT, "confining thread %d (%s), which takes no signal",
                             thread->id, name);
}

static Thread *
add_thread (pid_t id, int result)
{
  Thread *thread = &threads[n_threads];

  *thread = (Thread){ id, result };
  __atomic_add_fetch (&n_threads, 1, __ATOMIC_RELEASE);
  return thread;
}

static gboolean
confine (int folder, const char *text, gboolean *is_new, GError **error)
{
  pid_t id = atoi (text);
  Thread *thread;
  char name[32];

  if (id <= 0 || id == syscall (SYS_gettid) || is_known (id))
    return TRUE;
  read_name (folder, text, name);
  if (g_str_has_prefix (name, "iou-"))
    return TRUE;
  if (n_threads == MAX_THREADS)
    return banyan_throw_errno (error, EAGAIN, "there are more than %d threads", MAX_THREADS);

  *is_new = TRUE;
  thread = add_thread (id, PENDING);
  if (syscall (SYS_tgkill, getpid (), id, SIGSYS) < 0)
    return errno == ESRCH || banyan_throw_errno (error, errno, "signalling thread %d", id);
  return wait_for (thread, name, error);
}

static gboolean
pass_through (int folder, gboolean *is_new, GError **error)
{
  int duplicate = fcntl (folder, F_DUPFD_CLOEXEC, 3);
  DIR *entries = duplicate >= 0 ? fdopendir (duplicate) : NULL;
  const struct dirent *entry;
  gboolean worked = TRUE;

  if (entries == NULL)
    return banyan_throw_errno (error, errno, "listing the threads");

  rewinddir (entries);
  while (worked && (entry = readdir (entries)) != NULL)
    worked = confine (folder, entry->d_name, is_new, error);
  closedir (entries);
  return worked;
}

static void *
make_glibs_thread (void *data)
{
  int result = ((int (*) (void)) data) ();

  if (result == 0)
    g_source_unref (g_unix_signal_source_new (SIGTERM));
  return GINT_TO_POINTER (result);
}

/* Others than the calling one, which are not asked to do anything. */
static gboolean
note_threads (GError **error)
{
  int list = sandbox_open_threads (error);
  DIR *entries = list >= 0 ? fdopendir (list) : NULL;
  const struct dirent *entry;

  if (entries == NULL)
    return FALSE;

  while ((entry = readdir (entries)) != NULL)
    if (atoi (entry->d_name) > 0 && atoi (entry->d_name) != syscall (SYS_gettid))
      add_thread (atoi (entry->d_name), 0);
  closedir (entries);
  return TRUE;
}

static gboolean
is_alone (GError **error)
{
  if (!note_threads (error))
    return FALSE;
  if (n_threads > 0)
    return banyan_throw_errno (error, EBUSY, "there are threads before the sandbox");
  return TRUE;
}

gboolean
sandbox_begin_threads (int (*func) (void), GError **error)
{
  void *answer = NULL;
  pthread_t thread;
  int result;

  if (!is_alone (error))
    return FALSE;

  result = pthread_create (&thread, NULL, make_glibs_thread, (void *) func);
  if (result == 0)
    result = pthread_join (thread, &answer);
  if (result == 0)
    result = GPOINTER_TO_INT (answer);
  if (result != 0)
    return banyan_throw_errno (error, result, "sandbox: confining a thread");
  return note_threads (error);
}

int
sandbox_open_threads (GError **error)
{
  int list = open ("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (list < 0)
    banyan_throw_errno (error, errno,
                        "listing the threads; /proc has to be mounted for that (the step seccomp "
                        "by itself does without)");
  return list;
}

/* The calling one makes no thread meanwhile, and still has to read about the others. */
gboolean
sandbox_on_all_threads (int list, int (*func) (void), GError **error)
{
  struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART }, before;
  gboolean is_new = TRUE, worked = TRUE;
  int result;

  everybodys = func;
  sigaction (SIGSYS, &action, &before);
  while (worked && is_new)
    {
      is_new = FALSE;
      worked = pass_through (list, &is_new, error);
    }
  sigaction (SIGSYS, &before, NULL);
  if (!worked)
    return FALSE;

  result = func ();
  return result == 0 || banyan_throw_errno (error, result, "confining the main thread");
}
