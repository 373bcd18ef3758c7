module observer.io/tests/cluster/pause

go 1.27
