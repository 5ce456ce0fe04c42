"""The events that Event Grid gave up on: lists, shows and replays those in their container.

Reads the container with the caller's own Azure login, and changes nothing in it. `container` reads
blobs, `letters` parses what is in one, `search` finds those that are asked for, and `views` shows
them. What is in the container is untrusted: no text of it is shown that is not parsed.

Format of the events: https://learn.microsoft.com/azure/event-grid/delivery-and-retry; names of the
blobs: https://learn.microsoft.com/azure/event-grid/manage-event-delivery
"""
