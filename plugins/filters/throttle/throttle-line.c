/* throttle-line.c - who waits, in which order, and whose turn it is
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "throttle-line.h"

static void
join_ring (ThrottleLine *self, ThrottleLine **turn)
{
  if (*turn == NULL)
    {
      self->previous = self->next = self;
      *turn = self;
      return;
    }

  self->next = *turn;
  self->previous = (*turn)->previous;
  self->previous->next = self;
  (*turn)->previous = self;
}

static void
leave_ring (ThrottleLine *self, ThrottleLine **turn)
{
  if (*turn == self)
    *turn = self->next != self ? self->next : NULL;

  self->previous->next = self->next;
  self->next->previous = self->previous;
  self->previous = self->next = NULL;
}

void
throttle_line_append (ThrottleLine *self, ThrottleLine **turn, ThrottleWaiter *waiter)
{
  if (self->first == NULL)
    join_ring (self, turn);

  waiter->previous = self->last;
  waiter->next = NULL;
  if (self->last != NULL)
    self->last->next = waiter;
  else
    self->first = waiter;
  self->last = waiter;
}

void
throttle_line_remove (ThrottleLine *self, ThrottleLine **turn, ThrottleWaiter *waiter)
{
  if (*turn == self && self->first == waiter)
    *turn = self->next;

  if (waiter->previous != NULL)
    waiter->previous->next = waiter->next;
  else
    self->first = waiter->next;
  if (waiter->next != NULL)
    waiter->next->previous = waiter->previous;
  else
    self->last = waiter->previous;

  if (self->first == NULL)
    leave_ring (self, turn);
}
