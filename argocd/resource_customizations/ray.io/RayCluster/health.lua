local status = obj.status or {}
if (status.observedGeneration or 0) < (obj.metadata.generation or 0) then
  return {status = "Progressing", message = "waiting for KubeRay"}
end
local said = {}
for _, each in ipairs(status.conditions or {}) do
  said[each.type] = each
end
if said.ReplicaFailure ~= nil and said.ReplicaFailure.status == "True" then
  return {status = "Degraded", message = said.ReplicaFailure.message}
end
if status.state == "failed" then
  return {status = "Degraded", message = status.reason or "failed"}
end
if status.state == "suspended" then
  return {status = "Suspended", message = "suspended"}
end
if status.state == "ready" then
  return {status = "Healthy", message = "ready"}
end
return {status = "Progressing", message = "starting"}
