local os = require("os")
-- An annotation, not spec.rerun: what git also sets, self-heal would take back.
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["insights.observer.io/rerun"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
