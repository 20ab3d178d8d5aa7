/* qmp-event-list.h - every event: its name, whether QEMU has it, what its data is, a summary
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * QMP_EVENT is defined by who includes this. QEMU's are told to everybody, ours to who has
 * subscribed. The data is in the notation of commands' results. */

/* QEMU's. */
QMP_EVENT ("SHUTDOWN", TRUE,
           "{ guest: bool, reason: 'host-error|host-qmp-quit|host-signal|host-ui' }",
           "The program begins to end")
QMP_EVENT ("BLOCK_IO_ERROR", TRUE,
           "{ qom-path: str, device: str, '*node-name': str, operation: 'read|write', "
           "action: 'ignore|report|stop', '*nospace': bool, reason: str, count: int }",
           "Requests of a client failed; told once a second at most of each export")
QMP_EVENT ("BLOCK_EXPORT_DELETED", TRUE, "{ id: str }", "An export is gone")
QMP_EVENT ("QUORUM_REPORT_BAD", TRUE,
           "{ type: 'read|write|write-zeroes|flush', '*error': str, node-name: str, "
           "sector-num: int, sectors-count: int, count: int }",
           "A child of a quorum was outvoted, or failed a request")
QMP_EVENT ("QUORUM_FAILURE", TRUE,
           "{ reference: str, sector-num: int, sectors-count: int, count: int }",
           "A quorum had too few votes")

/* About the connection; told to whom it concerns. */
QMP_EVENT ("EVENTS_LOST", TRUE, "{ count: int }",
           "The client read too slowly, and this many events were not sent to it")

/* Ours. */
QMP_EVENT ("NODE_ADDED", FALSE, "{ path: str, node-name: str, driver: str, owner: str }",
           "A node has been opened")
QMP_EVENT ("NODE_REMOVED", FALSE, "{ path: str, node-name: str, driver: str, owner: str }",
           "A node has been closed")
QMP_EVENT ("OBJECT_ADDED", FALSE, "{ path: str, id: str, type: str, owner: str }",
           "An object that is no node has been opened")
QMP_EVENT ("OBJECT_REMOVED", FALSE, "{ path: str, id: str, type: str, owner: str }",
           "An object that is no node has been closed")
QMP_EVENT ("EDGE_CHANGED", FALSE, "{ path: str, '*from': str, '*to': str }",
           "An edge leads elsewhere")
QMP_EVENT ("PROPERTY_CHANGED", FALSE, "{ path: str, property: str, value: any, origin: str }",
           "A property has another value; told once for many changes that follow each other")
QMP_EVENT ("GRAPH_CHANGED", FALSE,
           "{ owner: str, steps: int, added: int, removed: int, edges: int, drained-us: int, "
           "duration-us: int }",
           "A transaction is in force")
QMP_EVENT ("DOCUMENT_APPLIED", FALSE, "{ document: str }",
           "The server has read its document again, and is as it says")
QMP_EVENT ("DOCUMENT_REFUSED", FALSE, "{ document: str, reason: str }",
           "The server has read its document again, and stays as it was")
QMP_EVENT ("DRAIN_BEGIN", FALSE, "{ owner: str, gates: [str] }",
           "Requests wait at gates until a change is in force, or given up")
QMP_EVENT ("DRAIN_END", FALSE, "{ owner: str, gates: [str], drained-us: int }", "Requests go on")
