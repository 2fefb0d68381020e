"""The shapes of what people and programs are shown, as JSON has them.

Times are RFC 3339, UTC, with milliseconds; None where there is none. Targets read `node` or `node/service`.
Rule: a name changed here is a change for users (docs/healer.md).
"""
