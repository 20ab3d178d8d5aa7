/* img.h - the parts of `banyan img`
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "cli-image.h"

G_BEGIN_DECLS

extern const CliCommand img_amend, img_bench, img_bitmap, img_check, img_commit, img_compare,
    img_convert, img_create, img_dd, img_info, img_map, img_measure, img_rebase, img_resize,
    img_snapshot;

/* -- img-options.c: what several commands take. One command runs in a process. -- */

typedef struct
{
  char *format;        /* -f */
  char *cache;         /* -t */
  char *source_cache;  /* -T */
  char **objects;      /* --object */
  char **options;      /* -o */
  char *output;        /* --output */
  char *snapshot;      /* -l */
  gboolean is_dotted;  /* --image-opts */
  gboolean is_shared;  /* -U */
  gboolean is_quiet;   /* -q */
  gboolean as_json;    /* --json, or --output=json */
  gboolean is_telling; /* -p */
} ImgOptions;

extern ImgOptions img_options;

#define IMG_FORMAT \
  { \
    "format", 'f', 0, G_OPTION_ARG_STRING, &img_options.format, \
        "The format of the image; without it, how the image begins tells", "DRIVER" \
  }
#define IMG_DOTTED \
  { \
    "image-opts", 0, 0, G_OPTION_ARG_NONE, &img_options.is_dotted, \
        "The image is a node in dotted keys: driver=raw,file.driver=file,file.filename=a.img", \
        NULL \
  }
#define IMG_OBJECT \
  { \
    "object", 0, 0, G_OPTION_ARG_STRING_ARRAY, &img_options.objects, \
        "Make an object that the image links to; may be given again", "TYPE,id=ID,..." \
  }
#define IMG_SNAPSHOT \
  { \
    "snapshot", 'l', 0, G_OPTION_ARG_STRING, &img_options.snapshot, \
        "What the image showed when this snapshot was made: an id or a name, also as " \
        "snapshot.id=ID or snapshot.name=NAME", \
        "SNAPSHOT" \
  }
#define IMG_SHARE \
  { \
    "force-share", 'U', 0, G_OPTION_ARG_NONE, &img_options.is_shared, \
        "Read an image that others may be writing", NULL \
  }
#define IMG_QUIET \
  { \
    "quiet", 'q', 0, G_OPTION_ARG_NONE, &img_options.is_quiet, "Say nothing but errors", NULL \
  }
#define IMG_CACHE(usual) \
  { \
    "cache", 't', 0, G_OPTION_ARG_STRING, &img_options.cache, \
        "How what is written is cached: none, directsync, writeback, writethrough or " \
        "unsafe; " usual, \
        "MODE" \
  }
#define IMG_SOURCE_CACHE \
  { \
    "source-cache", 'T', 0, G_OPTION_ARG_STRING, &img_options.source_cache, \
        "How what is only read is cached; writeback without it", "MODE" \
  }
#define IMG_PROGRESS \
  { \
    "progress", 'p', 0, G_OPTION_ARG_NONE, &img_options.is_telling, \
        "Tell on standard output how far it has come", NULL \
  }
#define IMG_JSON \
  { \
    "json", 0, 0, G_OPTION_ARG_NONE, &img_options.as_json, "Print JSON", NULL \
  }
#define IMG_OUTPUT \
  { "output", 0, 0, G_OPTION_ARG_STRING, &img_options.output, "human or json", "HOW" }, IMG_JSON
#define IMG_IMAGE_OPTIONS \
  { \
    "options", 'o', 0, G_OPTION_ARG_STRING_ARRAY, &img_options.options, \
        "Options of the format, KEY=VALUE,...; help lists them; may be given again", "OPTIONS" \
  }

/* What is wrong with those that were given is told. */
CliStatus img_options_check (void);
/* "1.5G", "512"; tells what is wrong. */
gboolean img_parse_size (const char *text, const char *what, guint64 *size);
/* The map that all of @options amount to; tells what is wrong. (nullable) */
BanyanSpec *img_read_options (char **options);
/* "1 MiB", as qemu-img writes it. */
char *img_format_size (guint64 bytes);
/* Unless -q. */
void img_say (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* -- img-open.c: images that are used. -- */

typedef struct
{
  const char *argument; /* a file, FILE.yaml[:NODE], or dotted keys */
  const char *format;   /* (nullable) */
  const char *cache;    /* (nullable) */
  const char *snapshot; /* (nullable): QEMU's notations, too */
  BanyanSpec *spec;     /* (nullable): instead of @argument, which is for messages */
  BanyanSpec *secrets;  /* (nullable): a map of options that name secrets */
  gboolean is_dotted;
  gboolean may_write;
  gboolean repairs;         /* writes what changes nothing that is shown, and nothing else */
  gboolean only_looks;      /* at what it is: nothing of its data is read */
  gboolean is_shared;       /* others may be writing it */
  gboolean without_backing; /* which need not even be there */
} ImgSource;

/* Each has a graph of its own. */
typedef struct
{
  const char *name;       /* as it was written */
  BanyanGraph *graph;     /* (owned) (nullable) */
  BanyanNode *node;       /* (unowned) */
  BanyanBackend *backend; /* (owned) (nullable) */
} ImgImage;

CliStatus img_open (ImgImage *self, const ImgSource *source);
/* The same of what @image, a file, means by @name when its header has that for a backing, which is
 * of the format of @source. */
CliStatus img_open_backing (ImgImage *self, const char *image, const char *name, ImgSource source);
/* Whether what @image means by @name is @image itself; neither need be there. */
gboolean img_means_itself (const char *image, const char *name);
/* With the options that all commands share. */
CliStatus img_open_argument (ImgImage *self, const char *argument, gboolean may_write,
                             gboolean without_backing);
/* Likewise, for who wants to know what it is, and reads none of its data: so a passphrase is not
 * needed. */
CliStatus img_open_to_look (ImgImage *self, const char *argument, gboolean without_backing);
/* Likewise, without backing, for who mends an image and writes none of its data. */
CliStatus img_open_to_repair (ImgImage *self, const char *argument);
/* Returns @status, or if that is good what closing says. */
CliStatus img_close (ImgImage *self, CliStatus status);
/* "raw": the driver's name. */
const char *img_get_format (BanyanNode *node);
/* The file that the image lies in; NULL: none. (transfer full) */
char *img_dup_filename (BanyanNode *node);
/* What the image is backed by. (nullable) */
BanyanNode *img_get_backing (BanyanNode *node);
/* Whether @filename is a file that the image lies in, or one that it is backed by. */
gboolean img_lies_in (BanyanNode *node, const char *filename);
/* Bytes that compressed data comes in. */
guint64 img_get_cluster_size (BanyanNode *node);
/* Runs @func inside a request of @self. */
gboolean img_run_inside (ImgImage *self, BanyanChannelFunc func, gpointer data, GError **error);
/* Says what would be lost, and which @option does it all the same. */
CliStatus img_refuse_to_shorten (const ImgImage *self, guint64 length, const char *option);
/* Makes the image exactly @length long. */
gboolean img_set_length (ImgImage *self, guint64 length, BanyanPreallocation preallocation,
                         GError **error);

/* -- img-make.c: images that are made. -- */

typedef struct
{
  const char *filename;
  const char *format;
  BanyanSpec *options;        /* (nullable): a map */
  const char *backing;        /* (nullable) */
  const char *backing_format; /* (nullable) */
  guint64 length;             /* bytes; or */
  gboolean has_length;
} ImgMake;

/* Prints and returns TRUE where @filename is meant to be more than a file's name. */
gboolean img_complain_of_name (const char *filename, const char *format);
/* Makes the file, and the image in it. */
CliStatus img_make (const ImgMake *make);
/* Takes away the files that were made and not there before; whether there were any, now or
 * before. */
gboolean img_unmake (void);
/* As img_close(), and takes away what was made if @status is not good. */
CliStatus img_close_made (ImgImage *self, CliStatus status);
/* Of @options, a map, those that whoever opens the image has to give, too. (transfer full) */
BanyanSpec *img_pick_secrets (BanyanSpec *options);
/* If one of @options asks for help, prints what @format takes. */
gboolean img_print_options (char **options, const char *format, CliStatus *status);
/* Prints and returns TRUE where @format has no images that can be made. */
gboolean img_complain_of_format (const char *format, CliStatus *status);

/* -- img-interrupt.c: SIGINT, SIGTERM and SIGHUP. -- */

/* From now on they cancel. */
void img_interrupt_begin (void);
/* What is true from now on if it ends, unless that is that nothing is made. */
void img_interrupt_note (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* What can be cancelled from now on. (nullable) */
void img_interrupt_follow (BanyanCopy *copy);
/* As cli_fail_with(), but for what only says that it was interrupted. */
CliStatus img_interrupt_fail (const GError *error);
/* Takes away what was made if @status is not good; ends the program where it was interrupted. */
CliStatus img_interrupt_end (CliStatus status);

/* -- img-progress.c: how far it has come. -- */

typedef struct
{
  guint64 total;    /* bytes */
  guint64 before;   /* of it, done before @copy */
  BanyanCopy *copy; /* (nullable): the one that is under way */
  guint timer;
  gboolean is_bar;
} ImgProgress;

void img_progress_begin (ImgProgress *self, guint64 total);
/* From now on @copy counts, and can be interrupted. */
void img_progress_follow (ImgProgress *self, BanyanCopy *copy);
void img_progress_end (ImgProgress *self, gboolean is_done);
/* Copies as @copy says, from the beginning of one node to another, and follows it. */
gboolean img_copy (ImgImage *source, ImgImage *target, BanyanCopy *copy, ImgProgress *progress,
                   GError **error);

/* -- img-amend.c -- */

gboolean img_can_amend (BanyanNode *node, GError **error);
/* Changes what @map, options of the image's format, says. @progress: (nullable) */
gboolean img_amend_image (ImgImage *image, BanyanSpec *map, ImgProgress *progress, GError **error);

/* -- img-snapshot.c -- */

/* As QEMU's SnapshotInfo; empty where the format has none. NULL with @error. */
BanyanSpec *img_list_snapshots (ImgImage *image, GError **error);
/* A table of what `info` has under "snapshots", as qemu-img's. */
void img_append_snapshots (GString *text, BanyanSpec *list);

/* -- img-bitmap.c -- */

/* (transfer full) (element-type BanyanBitmapInfo): empty where the format keeps none. NULL with
 * @error. */
GPtrArray *img_list_bitmaps (ImgImage *image, GError **error);
/* Puts those that are in order into @target; others are an error, or @skips_broken a warning. */
CliStatus img_copy_bitmaps (ImgImage *source, ImgImage *target, gboolean skips_broken);

/* -- img-extents.c: what is allocated, through a chain. -- */

typedef struct
{
  guint64 start;
  guint64 length;
  guint depth;      /* of images above that have nothing there */
  guint flags;      /* BanyanBlockStatusFlags */
  guint64 offset;   /* in the file, where flags say LOCATED */
  BanyanNode *leaf; /* (unowned) (nullable) */
} ImgExtent;

/* Calls @func for the extents of @self from @offset on, in their order; neighbours of a kind are
 * one. */
typedef void (*ImgExtentFunc) (const ImgExtent *extent, gpointer data);
gboolean img_foreach_extent (ImgImage *self, guint64 offset, guint64 length, ImgExtentFunc func,
                             gpointer data, GError **error);

G_END_DECLS
