-- A schedule is healthy while it waits and while its runs go on: a run has a health of its own, and
-- a wave must not wait for a Monday. A suspended one is healthy too: a person wanted it.
for _, each in ipairs((obj.status or {}).conditions or {}) do
  if each.type == "Ready" and each.observedGeneration == obj.metadata.generation then
    if each.status == "False" and each.reason ~= "Suspended" then
      return {status = "Degraded", message = each.reason .. ": " .. each.message}
    end
    return {status = "Healthy", message = each.message}
  end
end
return {status = "Progressing", message = "waiting for the operator"}
