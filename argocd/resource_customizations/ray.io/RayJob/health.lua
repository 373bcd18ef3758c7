-- An unknown state means keep waiting: KubeRay shows states that its own list does not name.
local status = obj.status or {}
local state = status.jobDeploymentStatus or ""
local message = status.message or state
if state == "Complete" then
  if status.jobStatus == "FAILED" or status.jobStatus == "STOPPED" then
    return {status = "Degraded", message = message}
  end
  return {status = "Healthy", message = message}
end
if state == "Failed" or state == "ValidationFailed" then
  return {status = "Degraded", message = message}
end
if state == "Suspended" then
  return {status = "Suspended", message = message}
end
return {status = "Progressing", message = message}
