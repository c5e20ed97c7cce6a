# The two commands: make demo, make test. Both make their own .venv; Python 3.11 or newer is all they need.
.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench bench-large chaos conformance forks integrations mutants pages deploy-check install-check django6 docs frontend clean
VENV := .venv
READY := $(VENV)/.ready

help:
	@echo "make demo [ARGS=--once]  simulator and service, two dozen scenes  模拟平台与服务，逐个演示"
	@echo "make test [ARGS=…]       checks and the whole test suite        检查与全部测试"
	@echo "make bench [ARGS=…]      speed, as ratios in one run            性能对比（同一次运行的比值）"
	@echo "make bench-large [ARGS=…] ten million people: import, look-ups  一千万人：导入、查询"
	@echo "make chaos [ARGS=…]      services, databases and platforms break  服务、数据库、平台各种故障"
	@echo "make conformance [ARGS=…] every implementation, judged by cases   各实现的一致性评判"
	@echo "make frontend [ARGS=…]   components and examples, in Node and Chromium 前端组件与示例"
	@echo "make forks               200 rounds of six forks each, four times 反复 fork 的完整测试"
	@echo "make integrations        frameworks, on every server           各网页框架在各服务器上"
	@echo "make mutants [ARGS=…]    changes that no test notices           测试发现不了的改动"
	@echo "make deploy-check        the container, unit, chart and alerts  检查 deploy/ 里的部署文件"
	@echo "make install-check       every pip install line, from the index 从索引安装每个 extra 并使用"
	@echo "make django6             Django's tests, under Django 6         用 Django 6 跑 Django 的测试"
	@echo "make docs                the documentation as a site           把文档生成为网站"
	@echo "make fix                 format and repair what can be          自动格式化"
	@echo "make pages               write docs/errors and the proofs table 生成错误码文档与证明表"

$(READY): pyproject.toml constraints.txt tools/venv.sh
	@sh tools/venv.sh $(VENV)
	@touch $@

demo: $(READY)
	@$(VENV)/bin/haoma demo $(ARGS)

check: $(READY)
	@$(VENV)/bin/ruff check --output-format concise .
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/mypy --no-error-summary

# All tiers; ARGS="-m unit" runs one. It ends with what each tier took, its budget and the five slowest files.
test: check
	@$(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

bench: $(READY)
	@$(VENV)/bin/python -m bench $(ARGS)

# Takes half an hour; ARGS="--people 100000" tries it.
bench-large: $(READY)
	@$(VENV)/bin/python -m bench --only large $(ARGS)

chaos: $(READY)
	@$(VENV)/bin/python -m chaos $(ARGS)

conformance: $(READY)
	@$(VENV)/bin/python -m conformance run --all --install $(ARGS)

frontend: $(READY)
	@frontend/run.sh $(ARGS)

forks: $(READY)
	@HAOMA_FORK_ROUNDS=200 $(VENV)/bin/python -m pytest tests/forks $(ARGS)

integrations: $(READY)
	@HAOMA_ALL_SERVERS=1 $(VENV)/bin/python -m pytest tests/integrations tests/integrations/django/strangers.py $(ARGS)

mutants: $(READY)
	@$(VENV)/bin/python tools/mutants.py $(ARGS)

fix: $(READY)
	@$(VENV)/bin/ruff check --fix --quiet .; $(VENV)/bin/ruff format --quiet .

pages: $(READY)
	@$(VENV)/bin/python tools/pages.py
	@$(VENV)/bin/python tools/proofs.py
	@$(VENV)/bin/python tools/front_end.py

# Lints and renders everything in deploy/, and runs the image's steps by hand. No image is built or run.
deploy-check: $(READY)
	@$(VENV)/bin/python tools/deploy_check.py

# Builds the packages and installs them as users do, other versions of Python included: some minutes. ARGS="--wheel" is
# the wheel alone, ARGS="django otel" these extras.
install-check: $(READY)
	@$(VENV)/bin/python tools/install_check.py $(ARGS)

# Needs Python 3.12 or newer beside the one of .venv, and says so if there is none.
django6: $(READY)
	@$(VENV)/bin/python tools/install_check.py --django6

# The documentation as a site, in site/. Broken links end it.
docs: $(READY)
	@$(VENV)/bin/python tools/site.py

clean:
	rm -rf $(VENV) .deploy .docs site .conformance .mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
