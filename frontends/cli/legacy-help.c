/* legacy-help.c - what an option can be given: --object help, --blockdev file,help
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As qemu-storage-daemon has it for objects and chardevs, for all options: the word "help" or "?"
 * anywhere in one is a question, and nothing is served. */

#include "legacy.h"

#include <string.h>

static const struct
{
  const char *option;
  const char *section;  /* the document's, whose types are listed; NULL: @text is all there is */
  const char *type_key; /* whose value is the type, where the first word has a key */
  const char *text;
} kinds[] = {
  { "object", "objects", "qom-type", "Objects that can be added:" },
  { "blockdev", "nodes", "driver", "Drivers of nodes:" },
  { "export", NULL, NULL,
    "Types of exports:\n"
    "  nbd  id=ID,node-name=NODE[,name=NAME][,description=TEXT][,writable=on|off][,iothread=ID]\n"
    "       by the server of --nbd-server; banyan inspect nbd-server.exports tells more\n" },
  { "nbd-server", NULL, NULL,
    "Addresses that a server can have:\n"
    "  addr.type=unix,addr.path=PATH\n"
    "  addr.type=inet,addr.host=HOST,addr.port=PORT\n"
    "  addr.type=vsock,addr.cid=CID,addr.port=PORT\n"
    "  addr.type=fd,addr.str=NUMBER-OR-NAME\n"
    "besides: [,id=ID][,max-connections=N]; banyan inspect nbd-server tells more\n" },
  { "chardev", NULL, NULL,
    "Available chardev backend types:\n"
    "  socket  id=ID,server=on with path=PATH, port=PORT[,host=HOST] or fd=NUMBER-OR-NAME;\n"
    "          or fd=NUMBER of a socket whose other end is the client\n"
    "  stdio   id=ID: one client, at standard input and output\n"
    "  file    id=ID,path=FILE[,append=on][,input-path=FILE]: what is said is written, and\n"
    "          what is asked is read\n"
    "  pipe    id=ID,path=PATH: one client, at the pipes PATH.in and PATH.out\n"
    "  null    id=ID: nobody\n" },
  { "monitor", NULL, NULL,
    "A monitor has these options:\n"
    "  [chardev=]ID[,id=NAME][,mode=control][,pretty=on|off]\n" },
  { "drive", NULL, NULL,
    "A drive has these options, and those of its node:\n"
    "  file=NAME,format=DRIVER[,id=ID][,node-name=NAME][,if=none][,cache=MODE][,aio=MODE]\n"
    "  [,readonly=on|off][,copy-on-read=on|off][,throttling.LIMIT=N]\n"
    "NAME may begin with file:, fd:, nbd:, nbd+unix:, null-co:, blkdebug:, blkverify: or json:\n" },
};

static gboolean
is_question (const char *word)
{
  return g_str_equal (word, "help") || g_str_equal (word, "?");
}

/* @type: (out) (transfer full): which one it asks about; NULL: about all of them. */
static gboolean
asks (const LegacyWord *word, const char *type_key, char **type)
{
  g_auto (GStrv) parts = g_strsplit (word->text, ",", -1);
  g_autofree char *prefix = g_strconcat (type_key != NULL ? type_key : "", "=", NULL);
  gboolean found = FALSE;

  if (*word->text == '{')
    return FALSE;

  for (guint i = 0; parts[i] != NULL; i++)
    {
      gboolean has_key = g_str_has_prefix (parts[i], prefix);

      if (is_question (parts[i]))
        found = TRUE;
      else if (type_key != NULL && *type == NULL
               && (has_key || (i == 0 && strchr (parts[i], '=') == NULL)))
        *type = g_strdup (parts[i] + (has_key ? strlen (prefix) : 0));
    }

  if (!found)
    g_clear_pointer (type, g_free);
  return found;
}

static gboolean
is_called (BanyanTypeInfo *type, const char *name)
{
  const char *const *aliases = banyan_type_info_get_aliases (type);

  return g_str_equal (banyan_type_info_get_name (type), name)
         || (aliases != NULL && g_strv_contains (aliases, name));
}

static CliStatus
print_list (CliTypes *types, const char *section, const char *heading)
{
  g_autoptr (CliTable) table = cli_table_new (2, 2);
  g_autoptr (GString) text = g_string_new (heading);

  g_string_append_c (text, '\n');
  for (guint i = 0; types[i] != NULL; i++)
    if (g_strcmp0 (cli_kind_to_section (banyan_type_info_get_kind (types[i])), section) == 0)
      cli_table_add (table, banyan_type_info_get_name (types[i]),
                     banyan_type_info_get_summary (types[i]));
  cli_table_append_to (table, text);
  return cli_print (text->str);
}

static CliStatus
print_help (guint kind, char *type)
{
  g_autoptr (CliTypes) types = NULL;

  if (kinds[kind].section == NULL)
    return cli_print (kinds[kind].text);

  types = cli_types_list ();
  if (type == NULL)
    return print_list (types, kinds[kind].section, kinds[kind].text);

  for (guint i = 0; types[i] != NULL; i++)
    if (is_called (types[i], type)
        && g_strcmp0 (cli_kind_to_section (banyan_type_info_get_kind (types[i])),
                      kinds[kind].section)
               == 0)
      return cli_inspect.run ((char *[]){ type, NULL });

  return cli_fail (CLI_NOT_FOUND, "--%s: no type is called \"%s\"; --%s help lists them",
                   kinds[kind].option, type, kinds[kind].option);
}

gboolean
legacy_print_help (GPtrArray *words, CliStatus *status)
{
  for (guint i = 0; i < words->len; i++)
    for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
      {
        const LegacyWord *word = words->pdata[i];
        g_autofree char *type = NULL;

        if (!g_str_equal (word->name, kinds[kind].option)
            || !asks (word, kinds[kind].type_key, &type))
          continue;

        *status = print_help (kind, type);
        return TRUE;
      }

  return FALSE;
}
