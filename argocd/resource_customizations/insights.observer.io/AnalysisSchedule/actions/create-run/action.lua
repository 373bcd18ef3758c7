local os = require("os")
-- No owner and no schedule's label: history limits must not count what a person asked for.
local template = obj.spec.runTemplate
local metadata = template.metadata or {}
local run = {
  apiVersion = "insights.observer.io/v1",
  kind = "AnalysisRun",
  metadata = {
    name = obj.metadata.name .. "-" .. os.date("!%Y%m%d%H%M%S"),
    namespace = obj.metadata.namespace,
    labels = metadata.labels,
    annotations = metadata.annotations,
  },
  spec = template.spec,
}
return {{operation = "create", resource = run}}
