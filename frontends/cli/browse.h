/* browse.h - the parts of `banyan inspect -i`: a full-screen browser of a running graph
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model knows all that is seen and what each key does. It is filled with the server's messages
 * and says which to send, and knows neither terminal nor socket. The view draws it, the loop waits
 * for keys, messages and signals at once. */

#pragma once

#include "live.h"

G_BEGIN_DECLS

/* Keys that are no letters. */
enum
{
  BROWSE_KEY_UP = 0x110000,
  BROWSE_KEY_DOWN,
  BROWSE_KEY_LEFT,
  BROWSE_KEY_RIGHT,
  BROWSE_KEY_PAGE_UP,
  BROWSE_KEY_PAGE_DOWN,
  BROWSE_KEY_HOME,
  BROWSE_KEY_END,
  BROWSE_KEY_ENTER,
  BROWSE_KEY_BACKSPACE,
  BROWSE_KEY_ESCAPE,
  BROWSE_KEY_TAB,
};

/* A line of the tree. */
typedef struct
{
  GraphObject *object;  /* (unowned) */
  BanyanSpec *edge;     /* (unowned) (nullable): what leads here from the line above */
  char *indent;         /* (owned): "│  ├─ " */
  gboolean is_repeated; /* it stands above with what is below it */
  gboolean is_collapsed;
} BrowseRow;

typedef enum
{
  BROWSE_HEADING,
  BROWSE_PROPERTY,
  BROWSE_EDGE, /* out of the object, or into it */
  BROWSE_RATE,
} BrowseItemKind;

/* A line about the object that is selected. */
typedef struct
{
  BrowseItemKind kind;
  char *name;   /* (owned) */
  char *value;  /* (owned) */
  char *note;   /* (owned) (nullable): where a value is from, when it may change; permissions */
  char *target; /* (owned) (nullable): the path that Enter goes to */
} BrowseItem;

/* A line of the graph around the object that is selected. */
typedef struct
{
  char *text;       /* (owned) */
  const char *path; /* (unowned) (nullable): of the neighbour that it tells of */
} BrowseLine;

typedef enum
{
  BROWSE_TREE,
  BROWSE_GRAPH,
  BROWSE_HELP,
} BrowseScreen;

typedef enum
{
  BROWSE_NO_PROMPT,
  BROWSE_SEARCH,
  BROWSE_TYPE,
  BROWSE_EDIT,
} BrowsePrompt;

/* Bits of what is to be asked, and of what has been asked and not been answered. */
typedef enum
{
  BROWSE_ASK_EVENTS = 1 << 0,
  BROWSE_ASK_GRAPH = 1 << 1,
  BROWSE_ASK_PROPERTIES = 1 << 2,
  BROWSE_ASK_RATES = 1 << 3,
  BROWSE_ASK_SET = 1 << 4,
  BROWSE_ASK_EDGES = 1 << 5, /* how much went along those that count */
  BROWSE_ASK_COUNT = 1 << 6, /* that edges count */
} BrowseAsk;

/* What happened between two answers. */
typedef struct
{
  BanyanSpec *counts; /* (owned) (nullable) */
  gint64 counts_us;
  GPtrArray *rates; /* (owned) (nullable) (element-type LiveRate) */
} BrowseRates;

typedef struct
{
  BanyanSpec *description; /* (owned) */
  GraphModel *graph;       /* (owned): of @description */
  GPtrArray *rows;         /* (owned) (element-type BrowseRow) */
  guint row;               /* that is selected */
  gboolean is_inverse;
  GHashTable *collapsed; /* (owned): paths */
  GQueue history;        /* (owned): paths that were left by a jump */

  BanyanSpec *properties; /* (owned) (nullable): of the object at @properties_path */
  char *properties_path;  /* (owned) (nullable) */
  GPtrArray *items;       /* (owned) (element-type BrowseItem) */
  guint item;             /* that is selected */
  gboolean is_on_items;   /* keys move there */
  guint neighbour;        /* that is selected, of the graph's lines */

  BrowseRates backends, edges;
  GHashTable *counting; /* (owned): paths of edges that count, or were told to */
  GPtrArray *silent;    /* (owned) (element-type utf8): paths of those to be told */
  GPtrArray *switched;  /* (owned) (element-type utf8): of those that this browser told */

  BrowseScreen screen;
  BrowsePrompt prompt;
  GString *input;      /* (owned): what was typed at the prompt */
  char *search;        /* (owned) (nullable): the last one */
  char *edited_path;   /* (owned) (nullable) */
  char *edited;        /* (owned) (nullable): the property */
  char *message;       /* (owned) (nullable) */
  gboolean is_refusal; /* the message says that something went wrong */
  gboolean is_at_end;  /* the user has seen enough */
  guint wanted, asked; /* of BrowseAsk */
} BrowseModel;

/* -- browse-model.c: the tree. -- */

BrowseModel *browse_model_new (void);
void browse_model_free (BrowseModel *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BrowseModel, browse_model_free)
void browse_model_set_graph (BrowseModel *self, BanyanSpec *description);
/* NULL: there is none. */
BrowseRow *browse_model_get_row (BrowseModel *self);
void browse_model_move (BrowseModel *self, int n_rows);
/* Keeps what is left to come back to. FALSE: there is no such object. */
gboolean browse_model_go (BrowseModel *self, const char *path);
gboolean browse_model_back (BrowseModel *self);
void browse_model_set_collapsed (BrowseModel *self, gboolean is_collapsed);
void browse_model_turn (BrowseModel *self);
/* The next after the selected whose id, or @by_type its type, has @text in it. */
gboolean browse_model_search (BrowseModel *self, const char *text, gboolean by_type);
void browse_model_say (BrowseModel *self, gboolean is_refusal, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* -- browse-items.c: what is told of the selected object. -- */

void browse_model_update_items (BrowseModel *self);
void browse_model_move_item (BrowseModel *self, int n_items);
/* NULL: there is none. */
BrowseItem *browse_model_get_item (BrowseModel *self);
/* (element-type BrowseLine) */
GPtrArray *browse_model_list_graph (BrowseModel *self);

/* -- browse-messages.c: what goes over the wire. -- */

/* NULL: nothing is to be sent now. (transfer full) */
BanyanSpec *browse_model_next_request (BrowseModel *self);
/* @now_us: when it came, of a clock that never goes back */
void browse_model_take (BrowseModel *self, BanyanSpec *message, gint64 now_us);
/* Sends what was typed for the property that is edited. */
void browse_model_set_edited (BrowseModel *self);
/* Has edges count that do not yet, once it is known which do. */
void browse_model_note_edges (BrowseModel *self);
/* What to send when all is over: that no edge counts for its sake. NULL: none does.
 * (transfer full) */
BanyanSpec *browse_model_last_request (BrowseModel *self);

/* -- browse-keys.c -- */

/* A letter or BROWSE_KEY_... @page: lines of a page */
void browse_model_press (BrowseModel *self, gunichar key, guint page);

/* -- browse-view.c: the only part that knows curses. -- */

/* FALSE: this terminal cannot do it. */
gboolean browse_view_begin (void);
void browse_view_end (void);
void browse_view_draw (BrowseModel *model, const char *title);
/* 0: none has been pressed; does not wait. */
gunichar browse_view_read_key (void);
void browse_view_resize (void);
guint browse_view_get_page (void);

/* -- browse-wire.c: a connection that nobody waits for. -- */

typedef struct _BrowseWire BrowseWire;
/* @connection has to live longer, and is the wire's from now on. */
BrowseWire *browse_wire_new (CliConnection *connection);
void browse_wire_free (BrowseWire *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BrowseWire, browse_wire_free)
void browse_wire_send (BrowseWire *self, BanyanSpec *message);
int browse_wire_get_fd (BrowseWire *self);
/* Whether there is something that could not be sent yet. */
gboolean browse_wire_is_full (BrowseWire *self);
/* Writes and reads what can be without waiting. FALSE with @error: the connection is lost. */
gboolean browse_wire_move (BrowseWire *self, GError **error);
/* NULL: there is none; or one that cannot be understood, with @error. (transfer full) */
BanyanSpec *browse_wire_receive (BrowseWire *self, GError **error);

/* browse-loop.c */
CliStatus browse_run (const LiveOptions *options);

G_END_DECLS
