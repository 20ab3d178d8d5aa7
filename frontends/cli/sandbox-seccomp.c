/* sandbox-seccomp.c - only the system calls that serving needs
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call that is not in the lists fails with EPERM, and is named on standard error once. What names
 * a file fails quietly: whoever asked for it tells. */

#include "sandbox-private.h"

#ifndef BANYAN_HAVE_SECCOMP

const char *
sandbox_seccomp_lacks (void)
{
  return "this banyan was built without libseccomp; install libseccomp-dev and build it anew, or "
         "choose other steps, such as --sandbox=landlock";
}

gboolean
sandbox_seccomp_load (gboolean opens_paths, const GArray *places, GError **error)
{
  g_set_error_literal (error, BANYAN_CONFIG_ERROR, BANYAN_CONFIG_ERROR_STATE,
                       sandbox_seccomp_lacks ());
  return FALSE;
}

#else

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#define MAX_CALLS 1024

/* Younger than the oldest headers and libseccomp that we build with. */
#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

static const char *const allowed[] = {
  /* Files and devices that are open. */
  "read",
  "readv",
  "pread64",
  "preadv",
  "preadv2",
  "write",
  "writev",
  "pwrite64",
  "pwritev",
  "pwritev2",
  "lseek",
  "fsync",
  "fdatasync",
  "sync_file_range",
  "fallocate",
  "ftruncate",
  "copy_file_range",
  "fadvise64",
  "fstat",
  "newfstatat",
  "fstatfs",
  "close",
  "close_range",
  "dup",
  "dup2",
  "dup3",
  "fcntl",
  "sendfile",
  /* Removing the sockets' files at the end. */
  "unlink",
  "unlinkat",
  "inotify_rm_watch",
  /* Waiting. */
  "poll",
  "ppoll",
  "epoll_create1",
  "epoll_ctl",
  "epoll_wait",
  "epoll_pwait",
  "epoll_pwait2",
  "eventfd2",
  "pipe2",
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  "nanosleep",
  "clock_nanosleep",
  "clock_gettime",
  "clock_getres",
  "gettimeofday",
  "time",
  "restart_syscall",
  /* Clients. */
  "socket",
  "bind",
  "listen",
  "accept",
  "accept4",
  "connect",
  "shutdown",
  "getsockopt",
  "setsockopt",
  "getsockname",
  "getpeername",
  "sendto",
  "recvfrom",
  "sendmsg",
  "recvmsg",
  "sendmmsg",
  "recvmmsg",
  /* Memory and threads. */
  "brk",
  "munmap",
  "mremap",
  "madvise",
  "membarrier",
  "futex",
  "set_robust_list",
  "rseq",
  "sched_yield",
  "sched_getaffinity",
  "getcpu",
  "exit",
  "exit_group",
  "set_tid_address",
  /* Signals, and who we are. */
  "rt_sigaction",
  "rt_sigprocmask",
  "rt_sigreturn",
  "rt_sigtimedwait",
  "sigaltstack",
  "tgkill",
  "getpid",
  "gettid",
  "getppid",
  "getuid",
  "geteuid",
  "getgid",
  "getegid",
  "getrandom",
  "getrusage",
  "sysinfo",
  "uname",
  "times",
};

static const char *const naming[] = {
  "open",       "openat2",           "creat",    "stat",       "lstat",  "statx",  "access",
  "faccessat",  "faccessat2",        "readlink", "readlinkat", "statfs", "getcwd", "chdir",
  "getdents64", "inotify_add_watch",
};

/* With --allow-path there are more. */
static const char *const changing[] = {
  "rename", "renameat2", "mkdir", "mkdirat", "flock", "fchmod", "link", "linkat",
};

static const unsigned long controls[] = {
  BLKGETSIZE64, BLKSSZGET, BLKDISCARD, BLKZEROOUT, FIONBIO, FIONREAD, SIOCOUTQ, TCGETS, TIOCGWINSZ,
};

/* Made before, as a handler cannot look names up. */
static char *names[MAX_CALLS];
static gint is_told[MAX_CALLS]; /* atomic */

const char *
sandbox_seccomp_lacks (void)
{
  return NULL;
}

static void
tell (int number)
{
  char text[128];
  int n;

  if (number < 0 || number >= MAX_CALLS
      || __atomic_exchange_n (&is_told[number], 1, __ATOMIC_RELAXED))
    return;

  n = g_snprintf (text, sizeof text, "banyan: the sandbox refused the system call %s\n",
                  names[number] != NULL ? names[number] : "of an unknown number");
  n = write (STDERR_FILENO, text, MIN (n, (int) sizeof text));
  (void) n;
}

static void
on_refusal (int signal_number, siginfo_t *info, void *data)
{
  ucontext_t *context = data;
  int before = errno;

  if (info->si_code != SYS_SECCOMP)
    return;

  tell (info->si_syscall);
#if defined __x86_64__
  context->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined __aarch64__
  context->uc_mcontext.regs[0] = -EPERM;
#else
  _exit (128 + signal_number);
#endif
  errno = before;
}

static void
handle_refusals (void)
{
  struct sigaction action = { .sa_sigaction = on_refusal, .sa_flags = SA_SIGINFO | SA_NODEFER };

  for (int i = 0; i < MAX_CALLS; i++)
    names[i] = seccomp_syscall_resolve_num_arch (SCMP_ARCH_NATIVE, i);
  sigaction (SIGSYS, &action, NULL);
}

static int
add_list (scmp_filter_ctx filter, guint32 action, const char *const *list, gsize n)
{
  int result = 0;

  for (gsize i = 0; i < n && result == 0; i++)
    {
      int number = seccomp_syscall_resolve_name (list[i]);

      if (number >= 0)
        result = seccomp_rule_add (filter, action, number, 0);
    }
  return result;
}

/* No code from memory, no threads that are processes. */
static int
add_limited (scmp_filter_ctx filter)
{
  int result = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (controls) && result == 0; i++)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (ioctl), 1,
                               SCMP_A1 (SCMP_CMP_MASKED_EQ, 0xffffffff, controls[i]));
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mmap), 1,
                               SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (mprotect), 1,
                               SCMP_A2 (SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (clone), 1,
                               SCMP_A0 (SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  /* Its flags lie in memory; the C library then uses clone. */
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ERRNO (ENOSYS), SCMP_SYS (clone3), 0);
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (prctl), 1,
                               SCMP_A0 (SCMP_CMP_EQ, PR_SET_NAME));
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, __NR_cachestat, 0);
  if (result == 0)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (prlimit64), 1,
                               SCMP_A2 (SCMP_CMP_EQ, 0));
  return result;
}

/* The descriptor is an int: the upper half of the register means nothing. */
#define IS_INT(argument, value) \
  SCMP_CMP (argument, SCMP_CMP_MASKED_EQ, 0xffffffff, (guint32) (value))

/* A folder that is open, and a name in it: the name is landlock's to judge. */
static int
add_place (scmp_filter_ctx filter, const SandboxPlace *place)
{
  int result = 0;

  if (place->right == SANDBOX_READ)
    result
        = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (openat), 2, IS_INT (0, place->fd),
                            SCMP_A2 (SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
  else
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (openat), 1, IS_INT (0, place->fd));
  if (result == 0 && place->right == SANDBOX_REPLACE)
    result = seccomp_rule_add (filter, SCMP_ACT_ALLOW, SCMP_SYS (renameat), 2,
                               IS_INT (0, place->fd), IS_INT (2, place->fd));
  return result;
}

/* The calls that take a folder; what else they are asked for is quietly refused. */
static int
add_places (scmp_filter_ctx filter, gboolean opens_paths, const GArray *places)
{
  const int calls[] = { SCMP_SYS (openat), SCMP_SYS (renameat) };
  int result = 0;

  for (guint i = 0; i < G_N_ELEMENTS (calls) && result == 0; i++)
    result = opens_paths ? seccomp_rule_add (filter, SCMP_ACT_ALLOW, calls[i], 0)
                         : seccomp_rule_add (filter, SCMP_ACT_ERRNO (EACCES), calls[i], 1,
                                             IS_INT (0, AT_FDCWD));
  for (guint i = 0; !opens_paths && i < places->len && result == 0; i++)
    {
      const SandboxPlace *place = &g_array_index (places, SandboxPlace, i);

      if (place->fd >= 0)
        result = add_place (filter, place);
    }
  return result;
}

static int
build (scmp_filter_ctx filter, gboolean opens_paths, const GArray *places)
{
  int result = seccomp_attr_set (filter, SCMP_FLTATR_CTL_TSYNC, 1);

  /* A tree rather than a list; older libraries have no such thing, which is no reason to fail. */
  seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (result == 0)
    result = add_list (filter, SCMP_ACT_ALLOW, allowed, G_N_ELEMENTS (allowed));
  if (result == 0)
    result = add_list (filter, opens_paths ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO (EACCES), naming,
                       G_N_ELEMENTS (naming));
  if (result == 0)
    result = add_list (filter, opens_paths ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO (EACCES), changing,
                       G_N_ELEMENTS (changing));
  if (result == 0)
    result = add_places (filter, opens_paths, places);
  if (result == 0)
    result = add_limited (filter);
  return result;
}

gboolean
sandbox_seccomp_load (gboolean opens_paths, const GArray *places, GError **error)
{
  scmp_filter_ctx filter = seccomp_init (SCMP_ACT_TRAP);
  int result;

  if (filter == NULL)
    return banyan_throw_errno (error, ENOMEM, "making the filter of system calls");

  result = build (filter, opens_paths, places);
  if (result == 0)
    {
      handle_refusals ();
      result = seccomp_load (filter);
    }
  seccomp_release (filter);
  return result == 0
         || banyan_throw_errno (error, -result, "installing the filter of system calls");
}

#endif
