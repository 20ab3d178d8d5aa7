/* qmp-answer.c - what goes back to a client: results and errors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "qmp-client.h"

#include <string.h>

/* -- Errors: QMP's classes for programs that know QEMU, and the exact code beside them. -- */

static const char *
class_of (const GError *error)
{
  if (error->domain != BANYAN_COMMAND_ERROR)
    return "GenericError";

  switch ((BanyanCommandError) error->code)
    {
    case BANYAN_COMMAND_ERROR_NOT_FOUND:
      return "CommandNotFound";
    case BANYAN_COMMAND_ERROR_NO_OBJECT:
      return "DeviceNotFound";
    case BANYAN_COMMAND_ERROR_NOT_ACTIVE:
      return "DeviceNotActive";
    default:
      return "GenericError";
    }
}

static const char *const config_codes[] = {
  [BANYAN_CONFIG_ERROR_SYNTAX] = "syntax",
  [BANYAN_CONFIG_ERROR_UNKNOWN_KEY] = "unknown-key",
  [BANYAN_CONFIG_ERROR_UNKNOWN_TYPE] = "unknown-type",
  [BANYAN_CONFIG_ERROR_TYPE] = "type",
  [BANYAN_CONFIG_ERROR_RANGE] = "range",
  [BANYAN_CONFIG_ERROR_MISSING] = "missing",
  [BANYAN_CONFIG_ERROR_DUPLICATE] = "duplicate",
  [BANYAN_CONFIG_ERROR_REFERENCE] = "reference",
  [BANYAN_CONFIG_ERROR_CONFLICT] = "conflict",
  [BANYAN_CONFIG_ERROR_STATE] = "state",
  [BANYAN_CONFIG_ERROR_PLUGIN] = "plugin",
  [BANYAN_CONFIG_ERROR_BUSY] = "busy",
  [BANYAN_CONFIG_ERROR_TIMEOUT] = "timeout",
};

static const char *const command_codes[] = {
  [BANYAN_COMMAND_ERROR_NOT_FOUND] = "no-command",
  [BANYAN_COMMAND_ERROR_NO_OBJECT] = "no-object",
  [BANYAN_COMMAND_ERROR_NOT_ACTIVE] = "not-active",
  [BANYAN_COMMAND_ERROR_ARGUMENT] = "argument",
};

/* Stable: programs may decide by it. */
static const char *
code_of (const GError *error)
{
  guint code = error->code;

  if (error->domain == BANYAN_CONFIG_ERROR && code < G_N_ELEMENTS (config_codes))
    return config_codes[code];
  if (error->domain == BANYAN_COMMAND_ERROR && code < G_N_ELEMENTS (command_codes))
    return command_codes[code];
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return "cancelled";
  return "errno";
}

static BanyanSpec *
describe_error (const GError *error)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  const char *code = code_of (error);

  banyan_spec_builder_add_string (map, "class", class_of (error));
  banyan_spec_builder_add_string (map, "desc", error->message);
  banyan_spec_builder_add_string (map, "code", code);
  if (strcmp (code, "errno") == 0)
    banyan_spec_builder_add_int (map, "errno", banyan_error_get_errno (error));
  return banyan_spec_builder_end (map);
}

static BanyanSpec *
wrap (const char *key, BanyanSpec *value, BanyanSpec *id)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_take (map, key, value);
  if (id != NULL)
    banyan_spec_builder_take (map, "id", banyan_spec_ref (id));
  return banyan_spec_builder_end (map);
}

BanyanSpec *
qmp_answer_new (BanyanSpec *result, const GError *error, BanyanSpec *id)
{
  return error != NULL ? wrap ("error", describe_error (error), id)
                       : wrap ("return", banyan_spec_ref (result), id);
}

/* -- What begins a connection. -- */

/* The interface that clients look for features by. */
static BanyanSpec *
describe_version (void)
{
  BanyanSpecBuilder *qemu = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *version = banyan_spec_builder_new_map ();

  banyan_spec_builder_add_uint (qemu, "major", QMP_INTERFACE_MAJOR);
  banyan_spec_builder_add_uint (qemu, "minor", QMP_INTERFACE_MINOR);
  banyan_spec_builder_add_uint (qemu, "micro", 0);
  banyan_spec_builder_take_built (version, "qemu", qemu);
  banyan_spec_builder_add_string (version, "package", "Banyan " BANYAN_PLUGIN_VERSION);
  return banyan_spec_builder_end (version);
}

BanyanSpec *
qmp_version (void)
{
  return describe_version ();
}

BanyanSpec *
qmp_greeting (void)
{
  static const char *const capabilities[] = { "oob", NULL };
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();

  banyan_spec_builder_take (map, "version", describe_version ());
  banyan_spec_builder_add_strings (map, "capabilities", capabilities);
  return wrap ("QMP", banyan_spec_builder_end (map), NULL);
}

BanyanSpec *
qmp_event_new (const char *name, BanyanSpec *data)
{
  BanyanSpecBuilder *map = banyan_spec_builder_new_map ();
  BanyanSpecBuilder *timestamp = banyan_spec_builder_new_map ();
  gint64 now_us = g_get_real_time ();

  banyan_spec_builder_add_int (timestamp, "seconds", now_us / G_USEC_PER_SEC);
  banyan_spec_builder_add_int (timestamp, "microseconds", now_us % G_USEC_PER_SEC);
  banyan_spec_builder_take_built (map, "timestamp", timestamp);
  banyan_spec_builder_add_string (map, "event", name);
  if (data != NULL)
    banyan_spec_builder_take (map, "data", banyan_spec_ref (data));
  return banyan_spec_builder_end (map);
}
