"""`envoy-config-gen`: writes Envoy's configuration and the OpenAPI documents, from the contracts.

Without options: gen/envoy/envoy.yaml and gen/openapi/. With --bootstrap: the configuration of one
running mesh, from the addresses of its parts.
"""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError


def main() -> None:
    """Read the options, and write."""
    parser = argparse.ArgumentParser(prog="envoy-config-gen", description=__doc__)
    parser.add_argument("--bootstrap", type=Path, metavar="OUT.json", help="where to write it")
    parser.add_argument("--clusters", type=Path, metavar="FILE", help="addresses, as JSON")
    options = parser.parse_args()
    if (options.bootstrap is None) != (options.clusters is None):
        parser.error("--bootstrap and --clusters go together")
    if options.bootstrap:
        write_bootstrap(options.bootstrap, options.clusters)
    else:
        from envoyconf.generated import write_generated
        from envoyconf.protoc import ROOT

        for path in write_generated():
            print(path.relative_to(ROOT))


def write_bootstrap(out: Path, clusters: Path) -> None:
    """Write the configuration of a running mesh."""
    import orjson

    from envoyconf.bootstrap import bootstrap
    from envoyconf.mesh import Mesh

    try:
        config = bootstrap(Mesh.model_validate_json(clusters.read_bytes()))
    except OSError as error:
        sys.exit(f"{clusters}: {error.strerror}.")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        sys.exit(f"{clusters}: {where}: {first['msg']}.")
    except ValueError as error:
        sys.exit(f"{clusters}: {error}.")
    out.write_bytes(orjson.dumps(config))


if __name__ == "__main__":
    main()
