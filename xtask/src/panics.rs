//! Takes the words out of panics: in the browser's module a panic traps, and its message reaches nobody (std has no standard
//! error there). The code that formats messages is a tenth of the module, so the functions that begin a panic become a bare
//! trap here, and wasm-opt removes what only they had called. What traps, and when, stays the same.

use walrus::{FunctionBuilder, FunctionKind, Module};

/// Parts of the names of functions that never return: they format a message, then abort.
const BEGIN_A_PANIC: [&str; 11] = [
    "::panicking::",
    "::slice_index_fail",
    "::slice_error_fail",
    "::len_mismatch_fail",
    "::unwrap_failed",
    "::expect_failed",
    "::handle_error",
    "::handle_alloc_error",
    "::panic_already_",
    "::panic_access_error",
    "rust_begin_unwind",
];

/// Replaces the bodies of functions that begin a panic by `unreachable`.
pub(crate) fn silence(module: &mut Module) {
    let begins_a_panic = |name: &str| BEGIN_A_PANIC.iter().any(|part| name.contains(part));
    let silenced: Vec<_> = module
        .funcs
        .iter_local()
        .filter(|(id, _)| module.funcs.get(*id).name.as_deref().is_some_and(begins_a_panic))
        .map(|(id, function)| (id, function.ty(), function.args.clone()))
        .collect();
    for (id, ty, arguments) in silenced {
        let ty = module.types.get(ty);
        // One that returns does something else than its name says.
        if !ty.results().is_empty() {
            continue;
        }
        let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
        builder.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
    }
    walrus::passes::gc::run(module);
}

#[cfg(test)]
mod tests {
    use walrus::ValType;
    use walrus::ir::dfs_in_order;

    use super::*;

    /// Adds an exported function of this name that gives 7 where it returns something.
    fn add(module: &mut Module, name: &str, results: &[ValType]) {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], results);
        builder.name(name.to_owned()).func_body().i32_const(7);
        if results.is_empty() {
            builder.func_body().drop();
        }
        let id = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add(name, id);
    }

    /// Instructions of the function of this name.
    fn length(module: &Module, name: &str) -> u64 {
        let id = module.funcs.by_name(name).unwrap();
        module.funcs.get(id).kind.unwrap_local().size()
    }

    #[test]
    fn what_begins_a_panic_becomes_a_trap_and_nothing_else_does() {
        let mut module = Module::default();
        add(&mut module, "core::panicking::panic_fmt", &[]);
        add(&mut module, "core::panicking::counts", &[ValType::I32]);
        add(&mut module, "trailmark::click::read", &[]);
        silence(&mut module);
        assert_eq!(length(&module, "core::panicking::panic_fmt"), 1);
        assert_eq!(length(&module, "core::panicking::counts"), 1, "a value is returned as before");
        assert_eq!(length(&module, "trailmark::click::read"), 2);
        let id = module.funcs.by_name("core::panicking::panic_fmt").unwrap();
        let mut trap = Traps(0);
        let function = module.funcs.get(id).kind.unwrap_local();
        dfs_in_order(&mut trap, function, function.entry_block());
        assert_eq!(trap.0, 1);
    }

    struct Traps(usize);

    impl walrus::ir::Visitor<'_> for Traps {
        fn visit_unreachable(&mut self, _instruction: &walrus::ir::Unreachable) {
            self.0 += 1;
        }
    }
}
