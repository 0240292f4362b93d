bulkhead fmt - <wider.yaml
