bulkhead fmt -w marked.yaml
