"""The children that carry out attempts: what they look like, and what their state means.

A child is created once and only ever deleted; it never retries by itself. Each kind is two pure
functions behind one small interface (`kinds.ChildKind`): build a manifest, read a state.
"""
