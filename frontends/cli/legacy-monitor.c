/* legacy-monitor.c - --chardev and --monitor
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A chardev is nothing by itself here: it is the address of the monitor that names it. A monitor
 * accepts its clients; for one that is there already, a socket is made that it calls. */

#include "legacy-private.h"

#include <unistd.h>

struct _LegacyChardev
{
  BanyanSpec *address; /* (owned): as in "listen" */
  BanyanOrigin origin;
  gboolean is_used;
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

static const char *const modes[] = { "telnet", "tn3270", "websocket", "mux", NULL };

/* Each must be off, or not there. */
static void
refuse_modes (LegacyDocument *self, LegacyOption *option)
{
  for (guint i = 0; modes[i] != NULL; i++)
    if (legacy_flag (self, option, modes[i], FALSE))
      legacy_refuse (self, option, modes[i], "is not there: a monitor speaks QMP and nothing else");
}

/* Consumes @address. */
static void
add_address (LegacyDocument *self, LegacyOption *option, const char *id, BanyanSpec *address)
{
  LegacyChardev *chardev = g_new0 (LegacyChardev, 1);

  chardev->address = address;
  chardev->origin = option->origin;
  if (!g_hash_table_insert (self->chardevs, g_strdup (id), chardev))
    legacy_refuse (self, option, "id", "there are two chardevs \"%s\"", id);
}

static void
add_client (LegacyDocument *self, LegacyOption *option, const char *id, const LegacyClient *client)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *number = NULL;
  BanyanSpecBuilder *map;

  if (self->open_client == NULL)
    {
      legacy_refuse (self, option, "backend",
                     "a client that is there already cannot be declared in a document; add "
                     "--chardev socket,id=%s,path=PATH,server=on",
                     id);
      return;
    }

  number = self->open_client (client, &error);
  if (number == NULL)
    {
      legacy_refuse (self, option, "backend", "%s", error->message);
      return;
    }
  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  legacy_add_text (option, map, "type", "fd");
  legacy_add_text (option, map, "str", number);
  add_address (self, option, id, banyan_spec_builder_end (map));
}

/* A socket that is connected already needs no server. */
static void
add_connected (LegacyDocument *self, LegacyOption *option, const char *id)
{
  const char *text = legacy_text (self, option, "fd");
  guint64 number;

  if (text != NULL && g_ascii_string_to_unsigned (text, 10, 0, G_MAXINT, &number, NULL))
    add_client (self, option, id, &(LegacyClient){ .input = number, .output = number });
  else if (text != NULL)
    legacy_refuse (self, option, "fd", "\"%s\" was given where a descriptor's number is wanted",
                   text);
  else
    legacy_refuse (self, option, "server",
                   "needs server=on: a monitor waits for its clients; or fd= of a socket whose "
                   "other end is the client");
}

/* @known: keys beside the backend. */
static void
check_known (LegacyDocument *self, LegacyOption *option, const char *backend,
             const char *const *known)
{
  refuse_modes (self, option);
  for (guint i = 0; i < banyan_spec_get_length (option->spec); i++)
    {
      const char *key = banyan_spec_get_key (option->spec, i);
      g_autofree char *list = NULL;

      if (g_str_equal (key, "backend") || g_strv_contains (known, key)
          || g_strv_contains (modes, key))
        continue;
      list = g_strjoinv (", ", (char **) known);
      legacy_refuse (self, option, key, "is not there for %s; there are: %s", backend, list);
    }
}

static void
add_stdio (LegacyDocument *self, LegacyOption *option, const char *id)
{
  static const char *const known[] = { "id", "signal", NULL };

  check_known (self, option, "stdio", known);
  add_client (self, option, id, &(LegacyClient){ .input = STDIN_FILENO, .output = STDOUT_FILENO });
}

static void
add_file (LegacyDocument *self, LegacyOption *option, const char *id)
{
  static const char *const known[] = { "id", "path", "append", "input-path", NULL };
  LegacyClient client = { .output_path = legacy_require (self, option, "path"),
                          .input_path = legacy_text (self, option, "input-path"),
                          .appends = legacy_flag (self, option, "append", FALSE) };

  check_known (self, option, "file", known);
  if (client.output_path != NULL)
    add_client (self, option, id, &client);
}

static void
add_pipe (LegacyDocument *self, LegacyOption *option, const char *id)
{
  static const char *const known[] = { "id", "path", NULL };
  LegacyClient client = { .output_path = legacy_require (self, option, "path"), .is_pipe = TRUE };

  check_known (self, option, "pipe", known);
  if (client.output_path != NULL)
    add_client (self, option, id, &client);
}

static void
add_null (LegacyDocument *self, LegacyOption *option, const char *id)
{
  static const char *const known[] = { "id", NULL };

  check_known (self, option, "null", known);
  add_client (self, option, id, &(LegacyClient){ .output_path = "/dev/null" });
}

static void
add_socket (LegacyDocument *self, LegacyOption *option, const char *id)
{
  const char *type = find_address_type (option);

  refuse_modes (self, option);
  if (!legacy_flag (self, option, "server", FALSE))
    add_connected (self, option, id);
  else if (type == NULL)
    legacy_refuse (self, option, NULL, "needs path=, port= or fd=");
  else
    {
      if (legacy_flag (self, option, "wait", FALSE))
        cli_message ("%s: wait=on: serving begins without waiting for a client",
                     option->origin.name);
      add_address (self, option, id, read_address (option, type));
    }
}

void
legacy_add_chardev (LegacyDocument *self, LegacyOption *option)
{
  static const struct
  {
    const char *name;
    void (*add) (LegacyDocument *self, LegacyOption *option, const char *id);
  } backends[] = { { "socket", add_socket },
                   { "stdio", add_stdio },
                   { "file", add_file },
                   { "pipe", add_pipe },
                   { "null", add_null } };
  const char *backend = legacy_require (self, option, "backend");
  const char *id = backend != NULL ? legacy_require (self, option, "id") : NULL;

  if (id == NULL)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (backends); i++)
    if (g_str_equal (backend, backends[i].name))
      {
        backends[i].add (self, option, id);
        return;
      }
  legacy_refuse (self, option, "backend",
                 "chardevs of type %s are not there; there are: socket, stdio, file, pipe, null",
                 backend);
}

void
legacy_tell_unused_chardevs (LegacyDocument *self)
{
  GHashTableIter iterator;
  gpointer name, value;

  g_hash_table_iter_init (&iterator, self->chardevs);
  while (g_hash_table_iter_next (&iterator, &name, &value))
    if (!((LegacyChardev *) value)->is_used)
      cli_message ("%s: chardev \"%s\" is left out: no --monitor names it",
                   ((LegacyChardev *) value)->origin.name, (char *) name);
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

  if (chardev->is_used)
    legacy_refuse (self, option, "chardev", "chardev \"%s\" has a monitor already", name);
  chardev->is_used = TRUE;
  check_monitor (self, option);
  map = banyan_spec_builder_new (BANYAN_SPEC_MAP, &option->origin);
  legacy_add_text (option, map, "type", "qmp");
  banyan_spec_builder_add (map, "listen", &chardev->origin, chardev->address);
  legacy_copy (option, map, left_out);
  legacy_declare (self, option, self->frontends, id != NULL ? id : name, map);
}
