bulkhead fmt --write --force commented.yaml
