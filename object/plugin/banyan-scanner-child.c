/* banyan-scanner-child.c - what the scanner process does
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whatever a plugin does on loading, it does here: banyan-scanner.c sees this process end and knows
 * by which plugin. Started by hand, with the paths of plugins, it prints what it finds. */

#include "banyan-registry-private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static char *first_critical; /* of the plugin that is being scanned */

/* A critical is a bug. Where users would see it once a day, the plugin's author sees it here. */
static GLogWriterOutput
note_critical (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const char *domain = NULL, *message = "";
  gboolean is_bug = (level & G_LOG_LEVEL_CRITICAL) != 0;

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE") && fields[i].length < 0)
      message = fields[i].value;
    else if (g_str_equal (fields[i].key, "GLIB_DOMAIN") && fields[i].length < 0)
      domain = fields[i].value;

  /* GObject only warns of a class that declares a property twice, its roles among them. */
  if (level & G_LOG_LEVEL_WARNING && domain != NULL && g_str_equal (domain, "GLib-GObject"))
    is_bug = TRUE;
  if (is_bug && first_critical == NULL)
    first_critical
        = g_strdup_printf ("it logged \"%s%s%s\" while it was loaded", domain != NULL ? domain : "",
                           domain != NULL ? ": " : "", message);

  return g_log_writer_default (level, fields, n_fields, user_data);
}

static void
become_disposable (void)
{
  const struct rlimit no_core = { 0, 0 };

  /* A crash is expected and reported: it needs neither a core file nor a sanitizer's handler. */
  setrlimit (RLIMIT_CORE, &no_core);
  for (int number = 1; number < NSIG; number++)
    signal (number, SIG_DFL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (note_critical, NULL, NULL);
}

static gboolean
report (BanyanScanEvent event, guint index, GVariant *record)
{
  BanyanScanReport head = { event, index, record != NULL ? g_variant_get_size (record) : 0 };

  return banyan_write_all (BANYAN_SCANNER_FD, &head, sizeof head)
         && (record == NULL
             || banyan_write_all (BANYAN_SCANNER_FD, g_variant_get_data (record), head.length));
}

static BanyanPluginInfo *
scan (const char *path)
{
  BanyanPluginInfo *info = banyan_plugin_info_new (path);
  BanyanPlugin *plugin = banyan_plugin_new (path);

  g_clear_pointer (&first_critical, g_free);
  banyan_plugin_load (plugin, NULL);
  banyan_plugin_info_fill (info, plugin);
  if (info->broken == NULL)
    banyan_plugin_info_describe_types (info);
  if (info->broken == NULL)
    info->broken = g_steal_pointer (&first_critical);

  return info;
}

/* A failure counts for the first plugin of a process only. For the others it may be the doing of
 * those before: a name they took, memory they wrote to. */
static gboolean
scan_and_report (const char *path, guint index)
{
  g_autoptr (BanyanPluginInfo) info = NULL;
  g_autoptr (GVariant) record = NULL;

  if (!report (BANYAN_SCAN_STARTED, index, NULL))
    return FALSE;

  info = scan (path);
  if (info->broken != NULL && index > 0)
    {
      report (BANYAN_SCAN_AGAIN, index, NULL);
      return FALSE;
    }

  record = g_variant_ref_sink (banyan_plugin_info_to_record (info));
  return report (BANYAN_SCAN_FINISHED, index, record);
}

static void
scan_and_print (const char *path)
{
  g_autoptr (BanyanPluginInfo) info = scan (path);

  if (info->broken != NULL)
    g_print ("%s: %s\n", path, info->broken);
  for (guint i = 0; info->broken == NULL && i < info->types->len; i++)
    {
      BanyanTypeInfo *type = info->types->pdata[i];

      g_print ("%s: %s %s: %s\n", path, banyan_plugin_kind_to_string (type->kind), type->name,
               type->summary);
    }
}

int
banyan_plugin_scan_main (int argc, char **argv)
{
  gboolean reports = argc > 1 && g_str_equal (argv[1], "--report");

  become_disposable ();
  if (reports)
    prctl (PR_SET_PDEATHSIG, SIGKILL);
  banyan_registry_be_empty (banyan_registry_get_default ());

  for (int i = reports ? 2 : 1; i < argc; i++)
    if (!reports)
      scan_and_print (argv[i]);
    else if (!scan_and_report (argv[i], (guint) i - 2))
      break;

  /* Destructors of plugins are not worth the risk. */
  fflush (stdout);
  _exit (0);
}
