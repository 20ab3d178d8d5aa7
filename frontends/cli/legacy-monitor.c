/* legacy-monitor.c - --chardev and --monitor
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A chardev is nothing by itself here: it is the address of the monitor that names it. */

#include "legacy-private.h"

struct _LegacyChardev
{
  BanyanSpec *address; /* (owned): as in "listen" */
  BanyanOrigin origin;
};

void
legacy_chardev_free (LegacyChardev *self)
{
  banyan_spec_unref (self->address);
  g_free (self);
}

/* -- Sockets. -- */

static const char *
find_address_type (LegacyOption *option)
{
  if (cli_spec_get (option->spec, "path") != NULL)
    return "unix";
  if (cli_spec_get (option->spec, "fd") != NULL)
    return "fd";

  return cli_spec_get (option->spec, "port") != NULL ? "inet" : NULL;
}

static BanyanSpec *
read_address (LegacyOption *option, const char *type)
{
  static const char *const left_out[]
      = { "backend", "id",        "server", "wait", "delay", "nodelay", "telnet",
          "tn3270",  "websocket", "tight",  "fd",   "mux",   NULL };
  BanyanSpecBuilder *map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);

  legacy_add_text (option, map, "type", type);
  if (g_str_equal (type, "fd"))
    banyan_spec_builder_add (map, "str", &option->origin, cli_spec_get (option->spec, "fd"));
  legacy_copy (option, map, left_out);
  if (g_str_equal (type, "inet"))
    legacy_add_text (option, map, "host", "");
  return banyan_spec_builder_end (map);
}

/* Each must be off, or not there. */
static void
refuse_modes (LegacyDocument *self, LegacyOption *option)
{
  static const char *const modes[] = { "telnet", "tn3270", "websocket", "mux", NULL };

  for (guint i = 0; modes[i] != NULL; i++)
    if (legacy_flag (self, option, modes[i], FALSE))
      legacy_refuse (self, option, modes[i], "is not there: a monitor speaks QMP and nothing else");
}

static void
add_socket (LegacyDocument *self, LegacyOption *option, const char *id)
{
  const char *type = find_address_type (option);
  LegacyChardev *chardev;

  refuse_modes (self, option);
  if (!legacy_flag (self, option, "server", FALSE))
    legacy_refuse (self, option, "server", "needs server=on: a monitor waits for its clients");
  else if (type == NULL)
    legacy_refuse (self, option, NULL, "needs path=, port= or fd=");
  else
    {
      if (legacy_flag (self, option, "wait", FALSE))
        cli_message ("%s: wait=on: serving begins without waiting for a client",
                     option->origin.name);
      chardev = g_new0 (LegacyChardev, 1);
      chardev->address = read_address (option, type);
      chardev->origin = option->origin;
      if (!g_hash_table_insert (self->chardevs, g_strdup (id), chardev))
        legacy_refuse (self, option, "id", "there are two chardevs \"%s\"", id);
    }
}

void
legacy_add_chardev (LegacyDocument *self, LegacyOption *option)
{
  const char *backend = legacy_require (self, option, "backend");
  const char *id = backend != NULL ? legacy_require (self, option, "id") : NULL;

  if (id == NULL)
    return;
  if (g_str_equal (backend, "socket"))
    add_socket (self, option, id);
  else
    legacy_refuse (self, option, "backend", "chardevs of type %s are not there; there is: socket",
                   backend);
}

/* -- The monitor at one of them. -- */

static void
check_monitor (LegacyDocument *self, LegacyOption *option)
{
  const char *mode = legacy_text (self, option, "mode");

  if (mode != NULL && !g_str_equal (mode, "control"))
    legacy_refuse (self, option, "mode", "a monitor speaks QMP and nothing else: mode=control");
  if (legacy_flag (self, option, "pretty", FALSE))
    cli_message ("%s: pretty=on: answers are one line each all the same; banyan qmp indents them",
                 option->origin.name);
}

void
legacy_add_monitor (LegacyDocument *self, LegacyOption *option)
{
  static const char *const left_out[] = { "chardev", "id", "mode", "pretty", NULL };
  const char *name = legacy_require (self, option, "chardev");
  LegacyChardev *chardev = name != NULL ? g_hash_table_lookup (self->chardevs, name) : NULL;
  const char *id = legacy_text (self, option, "id");
  BanyanSpecBuilder *map;

  if (name == NULL)
    return;
  if (chardev == NULL)
    {
      legacy_refuse (self, option, "chardev",
                     "there is no chardev \"%s\"; add --chardev socket,id=%s,path=PATH,server=on",
                     name, name);
      return;
    }

  check_monitor (self, option);
  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  legacy_add_text (option, map, "type", "qmp");
  banyan_spec_builder_add (map, "listen", &chardev->origin, chardev->address);
  legacy_copy (option, map, left_out);
  legacy_declare (self, option, self->frontends, id != NULL ? id : name, map);
}
