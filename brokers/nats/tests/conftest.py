import subprocess, sys, time, socket
from pathlib import Path
import pytest
def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1",0)); return s.getsockname()[1]
@pytest.fixture(scope="session")
def url(tmp_path_factory):
    p=port(); d=tmp_path_factory.mktemp("nats")
    proc=subprocess.Popen([Path(sys.executable).parent/"nats-server","-js","-sd",str(d),"-a","127.0.0.1","-p",str(p)],stderr=open(d/"log","w"))
    for _ in range(100):
        try: socket.create_connection(("127.0.0.1",p)).close(); break
        except OSError: time.sleep(0.03)
    time.sleep(0.2)
    yield f"nats://127.0.0.1:{p}"
    proc.terminate(); proc.wait()
