sed "s/page:8443/other:8444/" published.yaml | bulkhead diff published.yaml -
