/* banyan-error.c - the two domains that everything below the frontends reports in
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include <banyan/banyan-error.h>

#include <errno.h>

/**
 * banyan_errno_quark:
 *
 * Returns: the domain of errors whose code is an errno
 */
GQuark
banyan_errno_quark (void)
{
  static GQuark quark;
  GQuark found = __atomic_load_n (&quark, __ATOMIC_RELAXED);

  /* Not G_DEFINE_QUARK, which iothreads that fail at the same moment would race in. */
  if (G_UNLIKELY (found == 0))
    {
      found = g_quark_from_static_string ("banyan-errno-quark");
      __atomic_store_n (&quark, found, __ATOMIC_RELAXED);
    }
  return found;
}

/**
 * banyan_throw_errno: (skip)
 * @error: where to put the error, or NULL
 * @number: an errno, positive or negative
 * @format: what was being done, without the reason
 * @...: its arguments
 *
 * Reports a failed system call. The message is what was being done and the system's reason.
 *
 * Returns: FALSE, so that a caller can return at once
 */
gboolean
banyan_throw_errno (GError **error, int number, const char *format, ...)
{
  g_autofree char *doing = NULL;
  va_list arguments;

  number = ABS (number);

  va_start (arguments, format);
  doing = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  g_set_error (error, BANYAN_ERRNO, number, "%s: %s", doing, g_strerror (number));
  return FALSE;
}

static int
errno_of_io_error (int code)
{
  static const struct
  {
    GIOErrorEnum code;
    int number;
  } map[] = {
    { G_IO_ERROR_NOT_FOUND, ENOENT },
    { G_IO_ERROR_EXISTS, EEXIST },
    { G_IO_ERROR_NO_SPACE, ENOSPC },
    { G_IO_ERROR_PERMISSION_DENIED, EACCES },
    { G_IO_ERROR_READ_ONLY, EROFS },
    { G_IO_ERROR_NOT_SUPPORTED, ENOTSUP },
    { G_IO_ERROR_INVALID_ARGUMENT, EINVAL },
    { G_IO_ERROR_TIMED_OUT, ETIMEDOUT },
    { G_IO_ERROR_BUSY, EBUSY },
    { G_IO_ERROR_WOULD_BLOCK, EAGAIN },
    { G_IO_ERROR_CANCELLED, ECANCELED },
    { G_IO_ERROR_CONNECTION_REFUSED, ECONNREFUSED },
    { G_IO_ERROR_CONNECTION_CLOSED, ECONNRESET },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (map); i++)
    if (map[i].code == (GIOErrorEnum) code)
      return map[i].number;

  return EIO;
}

/**
 * banyan_error_get_errno:
 * @error: an error of any domain
 *
 * Frontends turn errors into wire values; most protocols have errno-like ones.
 *
 * Returns: a positive errno; EIO where nothing fits better
 */
int
banyan_error_get_errno (const GError *error)
{
  g_return_val_if_fail (error != NULL, EIO);

  if (error->domain == BANYAN_ERRNO)
    return error->code;
  if (error->domain == G_IO_ERROR)
    return errno_of_io_error (error->code);

  return EIO;
}
