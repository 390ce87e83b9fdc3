"""What the edge needs to know of the contracts, derived from them: `envoy-config-gen`.

`codegen` turns proto/ into gen/python; the rest turns the contracts into Envoy's configuration and
the OpenAPI documents. Nobody writes a route, a cluster or a schema by hand.
"""
