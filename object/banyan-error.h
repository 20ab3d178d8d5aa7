/* banyan-error.h - the two domains that everything below the frontends reports in
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <banyan/banyan-macros.h>

G_BEGIN_DECLS

/* Errors of the world below: the code is the errno. */
#define BANYAN_ERRNO (banyan_errno_quark ())
BANYAN_API
GQuark banyan_errno_quark (void);

/**
 * BanyanConfigError:
 * @BANYAN_CONFIG_ERROR_SYNTAX: the text is not YAML, JSON or a dotted key
 * @BANYAN_CONFIG_ERROR_UNKNOWN_KEY: the type has no such property
 * @BANYAN_CONFIG_ERROR_UNKNOWN_TYPE: no plugin provides such a type
 * @BANYAN_CONFIG_ERROR_TYPE: the value is of another type than the property
 * @BANYAN_CONFIG_ERROR_RANGE: the value is outside the property's range
 * @BANYAN_CONFIG_ERROR_MISSING: a required property or link is absent
 * @BANYAN_CONFIG_ERROR_DUPLICATE: a key or an id is taken
 * @BANYAN_CONFIG_ERROR_REFERENCE: nothing of that type has the id that a link names
 * @BANYAN_CONFIG_ERROR_CONFLICT: values or permissions contradict each other
 * @BANYAN_CONFIG_ERROR_STATE: the object is not in a state that allows it
 * @BANYAN_CONFIG_ERROR_PLUGIN: a plugin does not load
 * @BANYAN_CONFIG_ERROR_BUSY: someone uses it; the message names them
 * @BANYAN_CONFIG_ERROR_TIMEOUT: a drain took longer than allowed
 *
 * What is wrong with a declaration or a change. A code is one thing that a caller may do
 * differently.
 */
typedef enum
{
  BANYAN_CONFIG_ERROR_SYNTAX,
  BANYAN_CONFIG_ERROR_UNKNOWN_KEY,
  BANYAN_CONFIG_ERROR_UNKNOWN_TYPE,
  BANYAN_CONFIG_ERROR_TYPE,
  BANYAN_CONFIG_ERROR_RANGE,
  BANYAN_CONFIG_ERROR_MISSING,
  BANYAN_CONFIG_ERROR_DUPLICATE,
  BANYAN_CONFIG_ERROR_REFERENCE,
  BANYAN_CONFIG_ERROR_CONFLICT,
  BANYAN_CONFIG_ERROR_STATE,
  BANYAN_CONFIG_ERROR_PLUGIN,
  BANYAN_CONFIG_ERROR_BUSY,
  BANYAN_CONFIG_ERROR_TIMEOUT,
} BanyanConfigError;

#define BANYAN_CONFIG_ERROR (banyan_config_error_quark ())
BANYAN_API
GQuark banyan_config_error_quark (void);

/* Sets @error from an errno, positive or negative, and returns FALSE:
 * `return banyan_throw_errno (error, errno, "opening %s", path)` gives
 * "opening /a/b: No such file or directory". */
BANYAN_API
gboolean banyan_throw_errno (GError **error, int number, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* The errno that @error stands for: its code in BANYAN_ERRNO, the nearest one for GIOError, EIO
 * for the rest. */
BANYAN_API
int banyan_error_get_errno (const GError *error);

G_END_DECLS
