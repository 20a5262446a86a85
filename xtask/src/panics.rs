//! Removes panic messages from the browser's module: a panic traps there, and nobody sees the message (std has no standard
//! error in a browser). The code that formats messages and locations is a tenth of the module. So the functions that begin
//! a panic, or format, become a bare trap; the locations and the words of messages become zeroes; wasm-opt removes what nothing uses any more. The
//! same things trap as before. If a function of ours formats text, the build fails.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::{Result, ensure};
use walrus::ir::{self, Visitor, dfs_in_order};
use walrus::{ConstExpr, DataKind, FunctionBuilder, FunctionId, FunctionKind, Module};

/// Parts of the names of functions that format a message and abort, and so never return.
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

/// The module without panic messages.
///
/// # Errors
/// Code other than a panic formats text, which would trap.
pub(crate) fn silence(mut module: Module) -> Result<Vec<u8>> {
    silence_functions(&mut module)?;
    zero_words(&mut module);
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

fn silence_functions(module: &mut Module) -> Result<()> {
    let names =
        |id| format!("{:#}", rustc_demangle::demangle(module.funcs.get(id).name.as_deref().unwrap_or_default()));
    let (mut silenced, mut formatters) = (Vec::new(), HashSet::new());
    for (id, function) in module.funcs.iter_local() {
        let name = names(id);
        let formats =
            name.starts_with("core::fmt::") || name.starts_with("<core::fmt::") || name.contains(" as core::fmt::");
        // A function that returns does something other than its name says.
        let begins_a_panic = BEGIN_A_PANIC.iter().any(|part| name.contains(part))
            && module.types.get(function.ty()).results().is_empty();
        if formats {
            formatters.insert(id);
        }
        if formats || begins_a_panic {
            silenced.push((id, function.ty(), function.args.clone()));
        }
    }
    for (id, ty, arguments) in silenced {
        let ty = module.types.get(ty);
        let (parameters, results) = (ty.params().to_vec(), ty.results().to_vec());
        let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
        builder.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
    }
    // Functions that only panics used are gone after this.
    walrus::passes::gc::run(module);
    for (id, function) in module.funcs.iter_local() {
        let name = module.funcs.get(id).name.as_deref().unwrap_or_default();
        let mut calls = Calls { wanted: &formatters, found: false };
        dfs_in_order(&mut calls, function, function.entry_block());
        ensure!(
            !calls.found,
            "`{:#}` formats text, which the browser's module cannot: build the text by hand (config.rs has `joined`)",
            rustc_demangle::demangle(name)
        );
    }
    Ok(())
}

struct Calls<'a> {
    wanted: &'a HashSet<FunctionId>,
    found: bool,
}

impl Visitor<'_> for Calls<'_> {
    fn visit_call(&mut self, call: &ir::Call) {
        self.found |= self.wanted.contains(&call.func);
    }
}

/// Bytes of a `core::panic::Location`: address of the file name, its length, line, column.
const LOCATION: usize = 16;

/// What only panics print, as the pinned toolchain words it. A word that it words otherwise stays, and costs some bytes.
const WORDS: [&str; 22] = [
    "index out of bounds: the len is ",
    " but the index is ",
    "range end index ",
    "range start index ",
    " out of range for slice of length ",
    "cannot access a Thread Local Storage value during or after destruction: ",
    "insertion index (is ",
    ") should be <= len (is ",
    "removal index (is ",
    ") should be < len (is ",
    "finish: callbacks should be Some",
    "finish: result should be None",
    "FnOnce called more than once",
    "mid > len",
    "capacity overflow",
    "LazyCell instance has previously been poisoned",
    "attempt to divide by zero",
    "`async fn` resumed after completion",
    "RefCell already mutably borrowed",
    "RefCell already borrowed",
    "internal error: entered unreachable code",
    "Tried to shrink to a larger capacity",
];

/// Zeroes the [`WORDS`], the table from which numbers are formatted, the `core::panic::Location`s and their file names.
fn zero_words(module: &mut Module) {
    let numbers: String = (0..100).map(|number| format!("{number:02}")).collect();
    let segments: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
    for segment in segments {
        let data = module.data.get_mut(segment);
        let DataKind::Active { offset: ConstExpr::Value(ir::Value::I32(offset)), .. } = data.kind else {
            continue;
        };
        let Ok(offset) = usize::try_from(offset) else {
            continue;
        };
        let places = (0..data.value.len()).step_by(4);
        let locations = places.filter_map(|at| location(&data.value, offset, at)).flatten();
        let words =
            WORDS.into_iter().chain([numbers.as_str()]).flat_map(|word| occurrences(&data.value, word.as_bytes()));
        let found: Vec<_> = locations.chain(words).collect();
        for range in found {
            if let Some(bytes) = data.value.get_mut(range) {
                bytes.fill(0);
            }
        }
    }
}

/// Where `word` occurs in `data`.
fn occurrences(data: &[u8], word: &[u8]) -> Vec<Range<usize>> {
    let starts = data.windows(word.len()).enumerate().filter(|(_, window)| *window == word);
    starts.map(|(start, _)| start..start + word.len()).collect()
}

/// The ranges of the location at `at` and of its file name, if there is a location. Only a location has four numbers of
/// which the first two span the name of a Rust file.
fn location(data: &[u8], offset: usize, at: usize) -> Option<[Range<usize>; 2]> {
    let words = data.get(at..at + LOCATION)?.as_chunks::<4>().0;
    let [name, length, line, column] = words else {
        return None;
    };
    let number = |word: &[u8; 4]| usize::try_from(u32::from_le_bytes(*word)).ok();
    let begin = number(name)?.checked_sub(offset)?;
    let range = begin..begin.checked_add(number(length)?)?;
    let text = data.get(range.clone())?;
    let is_path = text.ends_with(b".rs") && text.iter().all(|byte| byte.is_ascii_graphic());
    let is_place = (1..1_000_000).contains(&number(line)?) && (1..10_000).contains(&number(column)?);
    (is_path && is_place).then_some([at..at + LOCATION, range])
}

#[cfg(test)]
mod tests {
    use walrus::ValType;

    use super::*;

    /// Adds an exported function with this name that first calls `callee` and then returns 7 if it has a result.
    fn add(module: &mut Module, name: &str, results: &[ValType], callee: Option<&str>) {
        let callee = callee.map(|callee| module.funcs.by_name(callee).unwrap());
        let mut builder = FunctionBuilder::new(&mut module.types, &[], results);
        let mut body = builder.name(name.to_owned()).func_body();
        if let Some(callee) = callee {
            body.call(callee);
        }
        body.i32_const(7);
        if results.is_empty() {
            body.drop();
        }
        let id = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add(name, id);
    }

    fn silenced(module: Module) -> Result<Module> {
        Module::from_buffer(&silence(module)?)
    }

    /// Whether the function with this name is a bare trap.
    fn traps(module: &Module, name: &str) -> bool {
        let id = module.funcs.by_name(name).unwrap();
        let function = module.funcs.get(id).kind.unwrap_local();
        let mut trap = Traps(0);
        dfs_in_order(&mut trap, function, function.entry_block());
        trap.0 == 1 && function.size() == 1
    }

    struct Traps(usize);

    impl Visitor<'_> for Traps {
        fn visit_unreachable(&mut self, _instruction: &ir::Unreachable) {
            self.0 += 1;
        }
    }

    #[test]
    fn what_begins_a_panic_or_formats_becomes_a_trap_and_nothing_else_does() {
        let mut module = Module::default();
        add(&mut module, "core::panicking::panic_fmt", &[], None);
        add(&mut module, "core::panicking::counts", &[ValType::I32], None);
        add(&mut module, "<usize as core::fmt::Display>::fmt", &[ValType::I32], None);
        add(&mut module, "core::ptr::drop_in_place::<core::fmt::Error>", &[], None);
        add(&mut module, "trailmark::click::read", &[], Some("core::panicking::panic_fmt"));
        let module = silenced(module).unwrap();
        assert!(traps(&module, "core::panicking::panic_fmt"));
        assert!(!traps(&module, "core::panicking::counts"), "a value is returned as before");
        assert!(traps(&module, "<usize as core::fmt::Display>::fmt"));
        assert!(!traps(&module, "core::ptr::drop_in_place::<core::fmt::Error>"));
        assert!(!traps(&module, "trailmark::click::read"));
    }

    #[test]
    fn code_of_ours_that_formats_fails_the_build_by_name() {
        let mut module = Module::default();
        add(&mut module, "core::fmt::write", &[], None);
        add(&mut module, "trailmark::click::read", &[], Some("core::fmt::write"));
        let error = silenced(module).unwrap_err().to_string();
        assert!(error.contains("`trailmark::click::read` formats text"), "{error}");
    }

    #[test]
    fn locations_and_words_of_panics_become_zeroes_and_other_data_stays() {
        const OFFSET: u32 = 1024;
        let mut data = b"src/a.rsother.rs".to_vec();
        let place = |name: u32, length: u32, line: u32| [name, length, line, 5].map(u32::to_le_bytes).concat();
        data.extend(place(OFFSET, 8, 7));
        // No line number, so not a location.
        data.extend(place(OFFSET + 8, 8, 0));
        data.extend(b"mid > len and others");
        let mut module = Module::default();
        let memory = module.memories.add_local(false, false, 1, None, None);
        module.exports.add("memory", memory);
        let offset = ConstExpr::Value(ir::Value::I32(i32::try_from(OFFSET).unwrap()));
        module.data.add(DataKind::Active { memory, offset }, data.clone());
        let after = silenced(module).unwrap().data.iter().next().unwrap().value.clone();
        assert_eq!(after.get(..8).unwrap(), [0; 8]);
        assert_eq!(after.get(8..16), data.get(8..16));
        assert_eq!(after.get(16..32).unwrap(), [0; 16]);
        assert_eq!(after.get(32..48), data.get(32..48));
        assert_eq!(after.get(48..).unwrap(), b"\0\0\0\0\0\0\0\0\0 and others");
    }
}
