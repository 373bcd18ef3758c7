module observer.io/tests/cluster/crds

go 1.27

// Only the definitions of kinds that come with the sources are read.
require github.com/external-secrets/external-secrets v1.3.2
